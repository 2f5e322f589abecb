// Building elements. Text from people and from the bot only ever becomes text nodes: nothing here parses HTML.

/**
 * Makes an element. `props` may hold attributes, `class`, `dataset`, and `on…` handlers; false and null leave one out.
 * Children are nodes, strings, or arrays of them; false and null are skipped.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === 'class') element.className = value;
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'hidden') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== false && child !== null && child !== undefined));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The outlines of the page's few icons, in a 24 × 24 box. */
const ICONS = {
  menu: 'M4 7h16M4 12h16M4 17h16',
  reply: 'M10 8 5 13l5 5M5 13h9a5 5 0 0 1 5 5v1',
  smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8.500 14.500c1 1.300 2.200 2 3.500 2s2.500-.7 3.500-2M9 9.500v.5M15 9.500v.5',
  trash: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  plus: 'M12 5v14M5 12h14',
  send: 'M4 12 20 5l-5 15-3.500-6.500L4 12Z',
  eye: 'M3 12s3.500-6 9-6 9 6 9 6-3.500 6-9 6-9-6-9-6ZM12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z',
  close: 'M6 6l12 12M18 6 6 18',
  out: 'M14 5h5v5M19 5l-8 8M11 6H6v12h12v-5',
  down: 'm7 10 5 5 5-5',
};

/** Draws one of the page's icons; it says nothing to screen readers, so its button needs a label. */
export function icon(name) {
  const path = svg('path', { d: ICONS[name] });
  return svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, path);
}

/** A picture for someone without one: initials on a colour that follows from the name. */
export function avatar(author, size = 40) {
  if (author.bot) {
    return h('img', { class: 'avatar', src: '/icon.svg', alt: '', width: size, height: size });
  }
  const hue = [...author.name].reduce((hash, letter) => (hash * 33 + letter.codePointAt(0)) % 360, 20);
  const words = author.name.split(/\s+/).filter(Boolean);
  const initials = words.slice(-1).concat(words.length > 1 && words[0].length > 1 ? words[0] : []).reverse();
  const text = svg('text', { x: 20, y: 21, 'text-anchor': 'middle', 'dominant-baseline': 'central' });
  text.textContent = initials.map((word) => [...word][0].toUpperCase()).join('').slice(0, 2);
  const disc = svg('circle', { cx: 20, cy: 20, r: 20, fill: `hsl(${hue} 45% 42%)` });
  return svg('svg', { viewBox: '0 0 40 40', width: size, height: size, class: 'avatar', 'aria-hidden': 'true' }, disc, text);
}

/** Shows a short notice that leaves by itself. */
export function toast(text) {
  const note = h('p', { class: 'toast' }, text);
  document.getElementById('toasts').append(note);
  setTimeout(() => note.remove(), 6000);
}
