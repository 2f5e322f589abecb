// The list above the composer: commands, options or values to choose from. The input keeps the focus.

import { h } from './dom.js';

/** Makes the list. It is empty and hidden until `show`. */
export function suggestionList() {
  const head = h('p', { class: 'suggest-head' });
  const list = h('ul', { class: 'suggest-items', role: 'listbox', id: 'suggestions', 'aria-label': 'Suggestions' });
  const element = h('div', { class: 'suggest', hidden: true }, head, list);
  let items = [];
  let active = -1;
  let input = null;

  const mark = () => {
    [...list.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === active)));
    const current = list.children[active];
    if (current) {
      current.scrollIntoView({ block: 'nearest' });
      input?.setAttribute('aria-activedescendant', current.id);
    } else {
      input?.removeAttribute('aria-activedescendant');
    }
  };

  return {
    element,
    /**
     * Shows `options`, each `{ name, detail, aside, choose }`, under a headline. With `preselect` the first is active, so
     * that Enter takes it.
     */
    show(owner, { title, detail, options, preselect }) {
      input = owner;
      items = options;
      active = preselect && items.length ? 0 : -1;
      head.replaceChildren(...[title && h('b', {}, title), detail && h('span', {}, detail)].filter(Boolean));
      head.hidden = !title && !detail;
      list.replaceChildren(...items.map((item, index) => h('li', {
        class: 'suggest-item',
        role: 'option',
        id: `suggestion-${index}`,
        // Not a click: that would first take the focus away from the input.
        onpointerdown: (event) => {
          event.preventDefault();
          item.choose();
        },
      }, h('span', { class: 'suggest-name' }, item.name), item.detail && h('span', { class: 'suggest-detail' }, item.detail), item.aside && h('span', { class: 'suggest-aside' }, item.aside))));
      list.hidden = items.length === 0;
      element.hidden = head.hidden && list.hidden;
      if (owner?.role === 'combobox') owner.setAttribute('aria-expanded', String(!list.hidden));
      mark();
    },
    hide() {
      element.hidden = true;
      items = [];
      active = -1;
      if (input?.role === 'combobox') input.setAttribute('aria-expanded', 'false');
      mark();
    },
    isOpen: () => !element.hidden,
    hasItems: () => items.length > 0,
    hasActive: () => active >= 0 && active < items.length,
    move(step) {
      if (items.length === 0) return;
      active = active < 0 && step < 0 ? items.length - 1 : (active + step + items.length) % items.length;
      mark();
    },
    clearActive() {
      active = -1;
      mark();
    },
    choose: () => items[active]?.choose(),
  };
}

/** Attributes of a box of several lines that such a list completes; it may not be a combobox. */
export const COMPLETED = { 'aria-autocomplete': 'list', 'aria-controls': 'suggestions', autocomplete: 'off' };

/** Attributes of an input that such a list completes. */
export const COMBOBOX = { ...COMPLETED, role: 'combobox', 'aria-expanded': 'false', spellcheck: 'false' };
