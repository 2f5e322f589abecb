// One message in the list: built once, then patched part by part so that an edit never flickers.

import { h, avatar, icon, toast } from './dom.js';
import { markdown } from './markdown.js';
import { clockTime } from './time.js';
import { act } from './connection.js';
import { embed } from './embed.js';
import { attachments } from './picture.js';
import { componentRows, interactionNote } from './components.js';
import { jumpTo } from './jump.js';
import { reactionBar, openPicker } from './reactions.js';
import { state, nameOf, userById, messageById, setReply, isVisible } from './state.js';

const THINKING = 1 << 7;
const GROUP_MS = 5 * 60 * 1000;

/** Which parts a message has, what each is drawn from, and how. A part is drawn again only when its source changed. */
const PARTS = [
  ['content', (m) => [m.content, m.flags & THINKING, m.edits > 0, m.edited_at], content],
  ['attachments', (m) => m.attachments.filter((file) => !file.embedded).map(({ url, filename, description }) => [url, filename, description]), attachments],
  ['embeds', (m) => (m.flags & 4 ? [] : m.embeds), (m, old) => m.flags & 4 ? [] : m.embeds.map((card, index) => embed(card, m, old?.children[index]))],
  ['components', (m) => m.components, (m) => componentRows(m)],
  ['reactions', (m) => [m.reactions, state.user, state.users.length], (m) => reactionBar(m)],
  ['note', (m) => m.id, (m) => interactionNote(m)],
  ['private', (m) => m.visible_to, privateNote],
];

/** Makes the list item of a message. `previous` is the visible message above it. */
export function messageItem(message, previous) {
  const item = h('li', { class: 'message', id: `m${message.id}`, dataset: { id: message.id } });
  item.append(h('div', { class: 'gutter' }), h('div', { class: 'body' }));
  item.sources = {};
  patchMessage(item, message, previous);
  item.append(toolbar(message));
  return item;
}

/** Draws again what changed. */
export function patchMessage(item, message, previous) {
  item.message = message;
  const headed = startsGroup(message, previous);
  item.classList.toggle('headed', headed);
  item.classList.toggle('private', Boolean(message.visible_to));
  item.classList.toggle('mentioned', message.mentions.includes(state.user) && message.author.id !== state.user);
  const [gutter, body] = item.children;
  patch(item, 'head', [headed, message.author, message.reference, message.interaction], () => {
    gutter.replaceChildren(headed ? avatar(message.author) : h('time', { class: 'hover-time' }, clockTime(message.created_at)));
    const head = part(body, 'head');
    head.replaceChildren(...(headed ? heading(message) : []));
  });
  for (const [name, source, draw] of PARTS) {
    patch(item, name, source(message), () => {
      const old = part(body, name);
      old.replaceChildren(...[draw(message, old)].flat().filter(Boolean));
      old.hidden = old.childElementCount === 0;
    });
  }
}

/** Draws one part again whether or not the message itself changed. */
export function redrawPart(item, name) {
  delete item.sources[name];
  patchMessage(item, item.message, item.previousElementSibling?.message);
}

function patch(item, name, source, draw) {
  const key = JSON.stringify(source);
  if (item.sources[name] === key) return;
  item.sources[name] = key;
  draw();
}

function part(body, name) {
  const found = [...body.children].find((child) => child.dataset.part === name);
  return found ?? body.appendChild(h('div', { class: name, dataset: { part: name } }));
}

function startsGroup(message, previous) {
  if (!previous || message.reference || message.interaction && !message.interaction.component_message) return true;
  if (previous.author.id !== message.author.id || Boolean(previous.visible_to) !== Boolean(message.visible_to)) return true;
  return new Date(message.created_at) - new Date(previous.created_at) > GROUP_MS;
}

function heading(message) {
  return [
    message.interaction && !message.reference ? used(message.interaction) : null,
    message.reference ? replied(message) : null,
    h('div', { class: 'byline' },
      h('span', { class: message.author.bot ? 'author bot' : 'author' }, message.author.name),
      message.author.bot && h('span', { class: 'tag' }, 'App'),
      h('time', { dateTime: message.created_at, datetime: message.created_at }, clockTime(message.created_at))),
  ].filter(Boolean);
}

function used(interaction) {
  if (interaction.kind !== 'command') return null;
  const person = userById(interaction.user) ?? { id: interaction.user, name: 'someone' };
  return h('div', { class: 'context' }, avatar(person, 16), h('b', {}, person.name), ' used ', h('span', { class: 'mention' }, `/${interaction.name}`));
}

function replied(message) {
  const target = messageById(message.reference);
  if (!target || !isVisible(target)) return h('div', { class: 'context' }, h('i', {}, 'The message it replied to is gone'));
  const words = target.content.replace(/^-# |[*_~`|\\]/gm, '') || (target.attachments.length ? 'Click to see the picture' : 'Click to see the message');
  const jump = () => jumpTo(target.channel_id, target.id);
  return h('button', { class: 'context', type: 'button', onclick: jump }, avatar(target.author, 16), h('b', {}, target.author.name), h('span', {}, words.slice(0, 120)));
}

function content(message) {
  if (message.flags & THINKING) {
    const dots = h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
    return h('p', { class: 'thinking' }, dots, `${message.author.name} is thinking…`);
  }
  const nodes = markdown(message.content);
  if (message.content && message.edits > 0 && message.edited_at) {
    const mark = h('span', { class: 'edited', title: clockTime(message.edited_at) }, ' (edited)');
    (nodes.at(-1)?.tagName === 'P' ? nodes.at(-1) : nodes[nodes.push(h('p')) - 1]).append(mark);
  }
  return nodes;
}

function privateNote(message) {
  if (!message.visible_to) return [];
  const dismiss = () => act(state.user, 'dismiss', { message: message.id }).catch((error) => toast(error.message));
  return h('p', {}, icon('eye'), 'Only you can see this · ', h('button', { class: 'link', type: 'button', onclick: dismiss }, 'Dismiss message'));
}

function toolbar(message) {
  if (message.visible_to) return '';
  const button = (label, name, onclick) => h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label, onclick }, icon(name));
  const remove = () => act(state.user, 'delete', { message: message.id }).catch((error) => toast(error.message));
  return h('div', { class: 'toolbar', role: 'group', 'aria-label': `Actions for this message of ${nameOf(message.author.id)}` },
    button('Add a reaction', 'smile', (event) => openPicker(event.currentTarget, message)),
    button('Reply', 'reply', () => setReply(message.id)),
    message.author.id === state.user && button('Delete', 'trash', remove));
}
