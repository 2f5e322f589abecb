// The list of messages: keeps its place while messages come in, are edited and leave.

import { h } from './dom.js';
import { messageItem, patchMessage, redrawPart } from './message.js';
import { state, channelById, forget, isVisible, markRead, onChange, typingNames, visibleMessages } from './state.js';
import { startCommand } from './composer.js';

const PINNED_PX = 80;
const byId = (id) => document.getElementById(id);

let pinned = true;

/** Wires the list to the state. */
export function startList() {
  const scroller = byId('scroller');
  let top = 0;
  scroller.addEventListener('scroll', () => {
    // Only a reader who scrolls up leaves the end; a picture that loads meanwhile moves it away from under them.
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < PINNED_PX;
    if (atEnd || scroller.scrollTop < top) pinned = atEnd;
    top = scroller.scrollTop;
    byId('to-latest').hidden = pinned;
    if (pinned) markRead();
  }, { passive: true });
  byId('to-latest').addEventListener('click', () => toLatest(true));
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible' && pinned) markRead(); });
  // Pictures and edits change heights after the fact: stay at the end if that is where the reader is.
  new ResizeObserver(() => { if (pinned) toLatest(); }).observe(byId('messages'));
  new ResizeObserver(() => { if (pinned) toLatest(); }).observe(scroller);
  onChange((change) => {
    if (change.kind === 'everything') rebuild();
    if (change.kind === 'world') drawOpening();
    if (change.kind === 'message') take(change);
    if (change.kind === 'deleted') drop(change);
    if (change.kind === 'interaction') drawInteractions(change);
    if (change.kind === 'typing') drawTyping();
  });
}

function toLatest(smooth = false) {
  const scroller = byId('scroller');
  scroller.scrollTo({ top: scroller.scrollHeight, behavior: smooth ? 'smooth' : 'instant' });
}

let shown = null;

function rebuild() {
  const list = byId('messages');
  const place = `${state.user}:${state.channel}`;
  // A resync after a lost connection patches what is there; another place starts anew.
  if (shown !== place) list.replaceChildren();
  shown = place;
  const messages = visibleMessages();
  const wanted = new Set(messages.map((message) => `m${message.id}`));
  for (const item of [...list.children]) if (!wanted.has(item.id)) item.remove();
  messages.forEach((message, index) => {
    const item = byId(`m${message.id}`);
    if (item) patchMessage(item, message, messages[index - 1]);
    else list.insertBefore(messageItem(message, messages[index - 1]), list.children[index] ?? null);
  });
  drawOpening();
  drawPending();
  drawTyping();
  pinned = true;
  byId('to-latest').hidden = true;
  toLatest();
}

function take({ message, created }) {
  if (message.channel_id !== state.channel || !isVisible(message)) return;
  const item = byId(`m${message.id}`);
  if (item) {
    patchMessage(item, message, item.previousElementSibling?.message);
  } else if (created) {
    const list = byId('messages');
    const last = [...list.children].findLast((child) => child.message);
    const next = messageItem(message, last?.message);
    if (last) last.after(next);
    else list.prepend(next);
    // Whoever says or asks something wants to see it, and the answer.
    if (message.author.id === state.user || message.interaction?.user === state.user) pinned = true;
    drawOpening();
  }
  if (pinned) toLatest();
  else if (created) byId('to-latest').hidden = false;
}

function drop({ channel, id }) {
  if (channel !== state.channel) return;
  const item = byId(`m${id}`);
  const next = item?.nextElementSibling;
  item?.remove();
  if (next?.message) patchMessage(next, next.message, next.previousElementSibling?.message);
  drawOpening();
}

function drawInteractions(about) {
  const item = about.message && byId(`m${about.message}`);
  if (item) {
    redrawPart(item, 'components');
    redrawPart(item, 'note');
  }
  drawPending();
}

/** Commands that wait for their acknowledgement, and those that never got one. */
function drawPending() {
  const list = byId('messages');
  for (const item of list.querySelectorAll('.pending')) item.remove();
  for (const [id, about] of state.interactions) {
    if (!about.command || about.channel !== state.channel || about.user !== state.user) continue;
    const failed = about.status === 'failed';
    list.append(h('li', { class: `pending${failed ? ' failed' : ''}` }, h('p', { role: failed ? 'alert' : null },
      h('span', { class: 'mention' }, about.command),
      failed ? ` ${state.bot.name} did not respond in time. ` : ' Sending…',
      failed && h('button', { class: 'link', type: 'button', onclick: () => forget(id) }, 'Dismiss'))));
  }
  if (pinned) toLatest();
}

function drawOpening() {
  const channel = channelById(state.channel);
  const box = byId('opening');
  if (!channel) return box.replaceChildren();
  const empty = visibleMessages().length === 0;
  const start = (command) => h('button', { class: 'suggestion', type: 'button', onclick: () => startCommand(command) }, `/${command}`);
  const guild = Boolean(channel.guild_id);
  box.classList.toggle('empty', empty);
  return box.replaceChildren(...[
    h('img', { src: '/icon.svg', alt: '', width: 56, height: 56 }),
    h('h2', {}, guild ? `Welcome to #${channel.name}` : state.bot.name),
    h('p', {}, guild
      ? 'Everyone on this server sees what is posted here. Switch between people at the lower left to see how their tastes differ.'
      : 'These are your direct messages. The bot shows you a few pictures, you say what you think of them, and from then on it draws in your taste.'),
    empty && h('p', { class: 'start' }, 'Type ', start('onboard'), ' to begin', guild ? [', or ', start('imagine'), ' to see a picture right away.'] : '.'),
  ].filter(Boolean));
}

function drawTyping() {
  const names = typingNames();
  const dots = h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
  byId('typing').replaceChildren(...(names.length ? [dots, h('b', {}, names.join(', ')), names.length > 1 ? ' are typing…' : ' is typing…'] : []));
}
