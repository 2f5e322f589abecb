// What the page knows: a copy of the sandbox's world, and what is particular to this tab (who, where, what is unread).

const TYPING_MS = 10_000;

/** The page's whole state. Views read it; only this file changes it. */
export const state = {
  connected: false,
  bot: { id: '0', name: 'Tastemaker', online: false },
  users: [],
  channels: [],
  commands: [],
  /** Channel id → messages, oldest first. */
  messages: new Map(),
  /** Open modals of everyone. */
  modals: [],
  /** Interaction id → 'pending' | 'failed', with what they belong to. */
  interactions: new Map(),
  /** Channel id → Map of user id → when their typing notice ends. */
  typing: new Map(),
  /** `user:channel` → number of unread messages. */
  unread: new Map(),
  user: null,
  channel: null,
  replyTo: null,
  /** Milliseconds that the sandbox's clock is ahead of this machine's. */
  clockOffset: 0,
};

const listeners = new Set();

/** Calls `listener(change)` after every change; `change.kind` says what to draw again. */
export function onChange(listener) {
  listeners.add(listener);
}

function changed(kind, details = {}) {
  for (const listener of listeners) listener({ kind, ...details });
}

export const now = () => Date.now() + state.clockOffset;
export const userById = (id) => (id === state.bot.id ? { ...state.bot, bot: true } : state.users.find((user) => user.id === id));
export const nameOf = (id) => userById(id)?.name ?? 'someone';
export const me = () => userById(state.user);
export const channelById = (id) => state.channels.find((channel) => channel.id === id);
export const guildChannel = () => state.channels.find((channel) => channel.guild_id);
export const dmOf = (user) => state.channels.find((channel) => channel.recipient === user);
export const channelsOf = (user) => [dmOf(user), guildChannel()].filter(Boolean);
export const isVisible = (message, user = state.user) => !message.visible_to || message.visible_to === user;
export const messageById = (id) => [...state.messages.values()].flat().find((message) => message.id === id);
export const visibleMessages = () => (state.messages.get(state.channel) ?? []).filter((message) => isVisible(message));
export const myModal = () => state.modals.find((modal) => modal.user_id === state.user);
const unreadKey = (user, channel) => `${user}:${channel}`;
export const unreadIn = (channel, user = state.user) => state.unread.get(unreadKey(user, channel)) ?? 0;

/** Who else is typing in the current channel. */
export function typingNames() {
  const people = state.typing.get(state.channel) ?? new Map();
  const current = Date.now();
  return [...people].filter(([id, ends]) => ends > current && id !== state.user).map(([id]) => nameOf(id));
}

/** Takes a frame from the live connection. */
export function receive(frame) {
  if (frame.type === 'snapshot') return takeSnapshot(frame);
  if (frame.type === 'world') return takeWorld(frame);
  takeEvent(frame);
}

function takeSnapshot(frame) {
  state.messages = new Map(Object.entries(frame.messages));
  state.modals = frame.modals;
  state.interactions.clear();
  takeWorld(frame);
  changed('everything');
}

function takeWorld(frame) {
  Object.assign(state, { bot: frame.bot, users: frame.users, channels: frame.channels, commands: frame.commands });
  state.clockOffset = frame.now_ms - Date.now();
  if (!userById(state.user)) {
    const wanted = sessionStorage.getItem('user');
    state.user = (state.users.find((user) => user.name === wanted) ?? state.users[0])?.id ?? null;
    state.channel = null;
  }
  if (!channelsOf(state.user).some((channel) => channel.id === state.channel)) {
    state.channel = channelsOf(state.user)[0]?.id ?? null;
  }
  changed('world');
}

function takeEvent(frame) {
  switch (frame.event) {
    case 'message_created': return takeMessage(frame.message, true);
    case 'message_updated':
    case 'reactions_changed': return takeMessage(frame.message, false);
    case 'message_deleted': return dropMessage(frame.channel_id, frame.message_id);
    case 'typing': return takeTyping(frame);
    case 'modal_shown':
      state.modals = [...state.modals.filter((modal) => modal.user_id !== frame.modal.user_id), frame.modal];
      return changed('modal');
    case 'modal_closed':
      state.modals = state.modals.filter((modal) => modal.interaction_id !== frame.interaction_id);
      return changed('modal');
    case 'interaction_acknowledged':
    case 'interaction_failed': return settle(frame.interaction_id, frame.event === 'interaction_failed');
    default:
  }
}

function takeMessage(message, created) {
  const list = state.messages.get(message.channel_id) ?? [];
  const index = list.findIndex((other) => other.id === message.id);
  if (index >= 0) list[index] = message;
  else if (created) list.push(message);
  state.messages.set(message.channel_id, list);
  state.typing.get(message.channel_id)?.delete(message.author.id);
  if (created && index < 0) countUnread(message);
  changed('message', { message, created: created && index < 0 });
  changed('typing');
}

function countUnread(message) {
  for (const user of state.users) {
    const here = user.id === state.user && message.channel_id === state.channel && document.visibilityState === 'visible';
    const theirs = channelsOf(user.id).some((channel) => channel.id === message.channel_id);
    if (here || !theirs || message.author.id === user.id || !isVisible(message, user.id)) continue;
    const key = unreadKey(user.id, message.channel_id);
    state.unread.set(key, (state.unread.get(key) ?? 0) + 1);
  }
  changed('unread');
}

function dropMessage(channel, id) {
  const list = state.messages.get(channel) ?? [];
  state.messages.set(channel, list.filter((message) => message.id !== id));
  if (state.replyTo === id) state.replyTo = null;
  changed('deleted', { channel, id });
}

function takeTyping({ channel_id: channel, user_id: user }) {
  const people = state.typing.get(channel) ?? new Map();
  people.set(user, Date.now() + TYPING_MS);
  state.typing.set(channel, people);
  changed('typing');
  setTimeout(() => changed('typing'), TYPING_MS + 50);
}

// An answer can overtake the request's own reply, so what has settled early is remembered until it is asked for.
const settledEarly = new Map();

/** Remembers an interaction that was just sent; `about` is `{ user, channel, command }` or `{ message, custom_id }`. */
export function track(id, about) {
  const failed = settledEarly.get(id);
  settledEarly.delete(id);
  if (failed === false) return;
  state.interactions.set(id, { ...about, status: failed ? 'failed' : 'pending', at: now() });
  changed('interaction', about);
}

function settle(id, failed) {
  const about = state.interactions.get(id);
  if (!about) {
    settledEarly.set(id, failed);
    setTimeout(() => settledEarly.delete(id), 10_000);
    return;
  }
  if (failed) about.status = 'failed';
  else state.interactions.delete(id);
  changed('interaction', about);
}

/** Forgets a failed interaction that the person has seen. */
export function forget(id) {
  const about = state.interactions.get(id);
  state.interactions.delete(id);
  changed('interaction', about);
}

/** Returns the interactions of one message's components that wait or failed. */
export const interactionsOf = (message) => [...state.interactions].filter(([, about]) => about.message === message && about.user === state.user);

export function setConnected(connected) {
  state.connected = connected;
  changed('world');
}

export function switchUser(id) {
  const inGuild = channelById(state.channel)?.guild_id;
  state.user = id;
  sessionStorage.setItem('user', nameOf(id));
  switchChannel((inGuild ? guildChannel() : dmOf(id))?.id ?? channelsOf(id)[0]?.id);
  changed('modal');
}

export function switchChannel(id) {
  state.channel = id;
  state.replyTo = null;
  markRead();
  changed('everything');
}

export function markRead() {
  if (state.unread.delete(unreadKey(state.user, state.channel))) changed('unread');
}

export function setReply(id) {
  state.replyTo = id;
  changed('reply');
}
