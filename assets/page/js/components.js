// Buttons and select menus under a message, and what became of using one.

import { h, icon, toast } from './dom.js';
import { act } from './connection.js';
import { state, track, forget, interactionsOf } from './state.js';
import { openMenu } from './menu.js';

/** Draws a message's rows. */
export function componentRows(message) {
  return message.components.map((row) => h('div', { class: 'row' }, row.components.map((part) => (
    part.kind === 'button' ? button(message, part) : select(message, part)))));
}

/** Sends an interaction of a component and follows what becomes of it. */
async function use(message, custom_id, action, details = {}) {
  for (const [id] of interactionsOf(message.id)) forget(id);
  try {
    const { interaction } = await act(state.user, action, { message: message.id, custom_id, ...details });
    track(interaction, { message: message.id, custom_id, user: state.user, channel: message.channel_id });
  } catch (error) {
    toast(error.message);
  }
}

function button(message, part) {
  const inside = [part.emoji && h('span', { class: 'emoji' }, part.emoji.name), part.label && h('span', {}, part.label)];
  const label = part.label ? null : part.emoji?.name;
  if (part.style === 'link') {
    return h('a', { class: 'button secondary', href: /^https?:/.test(part.url ?? '') ? part.url : null, target: '_blank', rel: 'noopener noreferrer', 'aria-label': label }, inside, icon('out'));
  }
  const waits = interactionsOf(message.id).some(([, about]) => about.custom_id === part.custom_id && about.status === 'pending');
  return h('button', {
    class: `button ${part.style}${waits ? ' busy' : ''}`,
    type: 'button',
    disabled: part.disabled,
    'aria-label': label,
    'aria-busy': waits ? 'true' : null,
    dataset: { customId: part.custom_id },
    onclick: () => use(message, part.custom_id, 'click'),
  }, inside);
}

function offers(part) {
  if (part.select === 'user' || part.select === 'mentionable') {
    return state.users.map((user) => ({ label: user.name, value: user.id }));
  }
  if (part.select === 'channel') {
    return state.channels.filter((channel) => channel.guild_id).map((channel) => ({ label: `#${channel.name}`, value: channel.id }));
  }
  return part.options;
}

function select(message, part) {
  const options = offers(part);
  const chosen = options.filter((option) => option.default);
  const text = chosen.length ? chosen.map((option) => option.label).join(', ') : part.placeholder ?? 'Make a selection';
  const open = (event) => openMenu(event.currentTarget, {
    label: part.placeholder ?? 'Options',
    options,
    chosen: chosen.map((option) => option.value),
    least: part.min_values,
    most: part.max_values,
    onChoose: (values) => use(message, part.custom_id, 'select', { values }),
  });
  return h('button', {
    class: 'select',
    type: 'button',
    disabled: part.disabled,
    'aria-haspopup': 'listbox',
    dataset: { customId: part.custom_id },
    onclick: open,
  }, h('span', { class: chosen.length ? 'chosen' : 'placeholder' }, text), icon('down'));
}

/** Says that the application did not respond to a component of this message. */
export function interactionNote(message) {
  return interactionsOf(message.id).filter(([, about]) => about.status === 'failed').map(([id]) => h('p', { class: 'failed', role: 'alert' },
    'This interaction failed: the application did not respond. ',
    h('button', { class: 'link', type: 'button', onclick: () => forget(id) }, 'Dismiss')));
}
