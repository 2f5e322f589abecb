// The list that a select menu opens: one choice or several, by pointer or keys.

import { h } from './dom.js';

/**
 * Opens a menu under `anchor`. With `most` 1 a choice closes it at once; with more, choices are ticked and sent together.
 */
export function openMenu(anchor, { label, options, chosen, least, most, onChoose }) {
  document.querySelector('.menu-list')?.remove();
  const picked = new Set(chosen);
  const several = most > 1;
  const items = options.map((option) => h('li', {
    class: 'menu-item',
    role: 'option',
    tabindex: -1,
    'aria-selected': String(picked.has(option.value)),
    onclick: () => pick(option),
  }, several && h('span', { class: 'tick', 'aria-hidden': 'true' }), option.emoji && h('span', { class: 'emoji' }, option.emoji.name),
  h('span', { class: 'menu-text' }, h('span', {}, option.label), option.description && h('small', {}, option.description))));
  const list = h('ul', { role: 'listbox', 'aria-label': label, 'aria-multiselectable': String(several) }, items);
  const send = h('button', { class: 'button primary', type: 'button', onclick: () => finish() }, 'Done');
  const hint = h('small', {}, `Choose ${least === most ? most : `${least} to ${most}`}`);
  const box = h('div', { class: 'menu-list', role: 'dialog', 'aria-label': label }, list, several && h('div', { class: 'menu-foot' }, hint, send));

  const allowed = () => picked.size >= least && picked.size <= most;
  const refresh = () => {
    items.forEach((item, index) => item.setAttribute('aria-selected', String(picked.has(options[index].value))));
    send.disabled = !allowed();
  };
  function pick(option) {
    if (!several) {
      close();
      onChoose([option.value]);
      return;
    }
    if (!picked.delete(option.value) && picked.size < most) picked.add(option.value);
    refresh();
  }
  function finish() {
    if (!allowed()) return;
    close();
    // In the order of the menu, as Discord's clients send them.
    onChoose(options.map((option) => option.value).filter((value) => picked.has(value)));
  }
  function close() {
    box.remove();
    document.removeEventListener('pointerdown', outside, true);
    if (anchor.isConnected) anchor.focus({ preventScroll: true });
  }
  const outside = (event) => { if (!box.contains(event.target)) close(); };
  box.addEventListener('keydown', (event) => {
    const at = items.indexOf(document.activeElement);
    const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === 'Escape') close();
    if (go !== undefined) {
      event.preventDefault();
      items.at(go % items.length)?.focus();
    }
    if ((event.key === 'Enter' || event.key === ' ') && at >= 0) {
      event.preventDefault();
      pick(options[at]);
    }
  });
  document.addEventListener('pointerdown', outside, true);
  document.body.append(box);
  place(box, anchor.getBoundingClientRect());
  refresh();
  (items[Math.max(0, options.findIndex((option) => picked.has(option.value)))] ?? box).focus({ preventScroll: true });
}

function place(box, anchor) {
  box.style.width = `${Math.max(220, anchor.width)}px`;
  const { width, height } = box.getBoundingClientRect();
  const below = anchor.bottom + height + 12 < innerHeight;
  box.style.left = `${Math.max(8, Math.min(anchor.left, innerWidth - width - 8))}px`;
  box.style.top = `${below ? anchor.bottom + 4 : Math.max(8, anchor.top - height - 4)}px`;
}
