// The column at the left: who you are, where you are, and what is unread elsewhere.

import { h, avatar, icon, toast } from './dom.js';
import { act } from './connection.js';
import { state, dmOf, guildChannel, channelsOf, me, unreadIn, switchChannel, switchUser } from './state.js';

const byId = (id) => document.getElementById(id);

/** Draws the column and the header of the conversation. */
export function drawSidebar() {
  const focused = document.activeElement?.id;
  byId('channels').replaceChildren(...conversations());
  byId('me').replaceChildren(...people());
  if (focused) byId(focused)?.focus({ preventScroll: true });
  drawHead();
}

/** On narrow windows the column is a drawer. */
export function setDrawer(open) {
  byId('app').classList.toggle('drawer', open);
  byId('scrim').hidden = !open;
  byId('menu').setAttribute('aria-expanded', String(open));
  if (open) byId('channels').querySelector('button')?.focus();
}

export function startSidebar() {
  byId('menu').append(icon('menu'), h('span', { class: 'badge dot', id: 'menu-badge', hidden: true }));
  byId('menu').addEventListener('click', () => setDrawer(true));
  byId('scrim').addEventListener('click', () => setDrawer(false));
  byId('sidebar').addEventListener('keydown', (event) => { if (event.key === 'Escape') setDrawer(false); });
}

function conversations() {
  if (!state.user) return [];
  const dm = dmOf(state.user);
  const guild = guildChannel();
  return [
    h('h2', {}, 'Direct messages'),
    dm && entry(dm, [avatar({ ...state.bot, bot: true }, 28), h('i', { class: state.bot.online ? 'presence online' : 'presence' })], state.bot.name),
    h('h2', {}, 'Server'),
    guild && entry(guild, [h('span', { class: 'hash', 'aria-hidden': 'true' }, '#')], guild.name),
  ].filter(Boolean);
}

function entry(channel, mark, name) {
  const unread = unreadIn(channel.id);
  const here = channel.id === state.channel;
  return h('button', {
    class: `entry${here ? ' here' : ''}${unread ? ' unread' : ''}`,
    type: 'button',
    id: `channel-${channel.id}`,
    'aria-current': here ? 'page' : null,
    onclick: () => {
      switchChannel(channel.id);
      setDrawer(false);
    },
  }, h('span', { class: 'mark' }, mark), h('span', { class: 'name' }, name), badge(unread));
}

function badge(count) {
  return count > 0 && h('span', { class: 'badge' }, String(Math.min(count, 99)), h('span', { class: 'unseen' }, ' unread'));
}

function people() {
  const current = me();
  if (!current) return [];
  const choose = (user) => h('button', {
    class: user.id === state.user ? 'person here' : 'person',
    type: 'button',
    role: 'radio',
    id: `person-${user.id}`,
    'aria-checked': String(user.id === state.user),
    onclick: () => switchUser(user.id),
  }, avatar(user, 24), h('span', { class: 'name' }, user.name),
  user.id !== state.user && badge(channelsOf(user.id).filter((channel) => channel.recipient).reduce((sum, channel) => sum + unreadIn(channel.id, user.id), 0)));
  const closed = h('input', { type: 'checkbox', role: 'switch', id: 'dms', checked: !current.dms_open, onchange: (event) => {
    act(state.user, 'dms', { open: !event.currentTarget.checked }).catch((error) => toast(error.message));
  } });
  return [
    h('h2', { id: 'people-title' }, 'You are'),
    h('div', { class: 'people', role: 'radiogroup', 'aria-labelledby': 'people-title' }, state.users.map(choose)),
    h('button', { class: 'person add', type: 'button', id: 'add-person', onclick: addPerson }, icon('plus'), 'Add someone'),
    h('label', { class: 'switch', title: 'As in Discord’s privacy settings: the bot can no longer write to you first.' }, closed, h('span', { class: 'track' }), 'Close my DMs'),
  ];
}

function addPerson() {
  const input = h('input', { 'aria-label': 'Their name', maxlength: 32, placeholder: 'Their name', autocomplete: 'off' });
  const done = async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return drawSidebar();
    try {
      const { user } = await act(state.user, 'add_user', { name });
      switchUser(user);
    } catch (error) {
      toast(error.message);
    }
    return undefined;
  };
  const form = h('form', { class: 'add-form', onsubmit: done }, input);
  input.addEventListener('blur', () => setTimeout(drawSidebar, 100));
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      drawSidebar();
    }
  });
  byId('add-person').replaceWith(form);
  input.focus();
}

function drawHead() {
  const here = state.channels.find((channel) => channel.id === state.channel);
  byId('chat-title').textContent = here?.guild_id ? `# ${here.name}` : state.bot.name;
  byId('chat-topic').textContent = here?.guild_id ? 'A channel everyone on this server sees' : 'Direct messages · only you and the bot';
  const unread = channelsOf(state.user).reduce((sum, channel) => sum + unreadIn(channel.id), 0);
  byId('menu-badge').hidden = unread === 0;
  document.title = `${unread ? `(${unread}) ` : ''}${here?.guild_id ? `#${here.name}` : state.bot.name} · Tastemaker demo`;
  const banner = byId('banner');
  banner.hidden = state.connected && state.bot.online;
  banner.textContent = state.connected ? `${state.bot.name} is offline or still starting.` : 'The connection to the demo is lost. Trying again…';
}
