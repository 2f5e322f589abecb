// Reactions under a message, and the small picker for new ones.

import { h, icon, toast } from './dom.js';
import { act } from './connection.js';
import { state, nameOf } from './state.js';

/** What the picker offers: what the bot listens to first. */
const PICKER = [
  ['➕', 'stronger'], ['➖', 'weaker'], ['0️⃣', 'zero'], ['1️⃣', 'one'], ['2️⃣', 'two'], ['3️⃣', 'three'], ['4️⃣', 'four'], ['5️⃣', 'five'],
  ['❤️', 'heart'], ['👍', 'thumbs up'], ['👎', 'thumbs down'], ['😍', 'love it'], ['🤔', 'thinking'], ['🎨', 'palette'], ['🔥', 'fire'], ['👀', 'eyes'],
];

/** Draws the reactions; clicking one adds or takes away the person's own. */
export function reactionBar(message) {
  if (message.reactions.length === 0) return [];
  const chips = message.reactions.map((reaction) => {
    const own = reaction.users.includes(state.user);
    const names = reaction.users.map(nameOf).join(', ');
    return h('button', {
      class: own ? 'reaction own' : 'reaction',
      type: 'button',
      title: names,
      'aria-pressed': String(own),
      'aria-label': `${reaction.emoji}, ${reaction.users.length}, from ${names}`,
      onclick: () => react(message, reaction.emoji, !own),
    }, h('span', { class: 'emoji' }, reaction.emoji), h('span', {}, String(reaction.users.length)));
  });
  const add = h('button', { class: 'reaction add', type: 'button', 'aria-label': 'Add a reaction', onclick: (event) => openPicker(event.currentTarget, message) }, icon('smile'));
  return [...chips, add];
}

function react(message, emoji, add) {
  return act(state.user, add ? 'react' : 'unreact', { message: message.id, emoji }).catch((error) => toast(error.message));
}

/** Opens the picker beside a button. Arrow keys move, Enter chooses, Escape closes. */
export function openPicker(anchor, message) {
  document.querySelector('.picker')?.remove();
  const choose = (emoji) => {
    close();
    const own = message.reactions.some((reaction) => reaction.emoji === emoji && reaction.users.includes(state.user));
    react(message, emoji, !own);
  };
  const buttons = PICKER.map(([emoji, name]) => h('button', { type: 'button', title: name, 'aria-label': name, onclick: () => choose(emoji) }, emoji));
  const picker = h('div', { class: 'picker', role: 'dialog', 'aria-label': 'Reactions' }, buttons);
  const close = () => {
    picker.remove();
    document.removeEventListener('pointerdown', outside, true);
    anchor.focus({ preventScroll: true });
  };
  const outside = (event) => { if (!picker.contains(event.target)) close(); };
  picker.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    if (event.key === 'Escape') close();
    if (!step) return;
    event.preventDefault();
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length)?.focus();
  });
  document.addEventListener('pointerdown', outside, true);
  document.body.append(picker);
  place(picker, anchor.getBoundingClientRect());
  buttons[0].focus({ preventScroll: true });
}

function place(picker, anchor) {
  const { width, height } = picker.getBoundingClientRect();
  const left = Math.max(8, Math.min(anchor.right - width, innerWidth - width - 8));
  const above = anchor.top - height - 6;
  picker.style.left = `${left}px`;
  picker.style.top = `${above < 8 ? anchor.bottom + 6 : above}px`;
}
