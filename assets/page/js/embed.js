// Embeds: the cards under a message.

import { h } from './dom.js';
import { markdown, inline } from './markdown.js';
import { clockTime } from './time.js';
import { picture, localAddress } from './picture.js';

const HTTP = /^https?:\/\//;

/** Draws one card; `old` is the same card before an edit. */
export function embed(card, message, old) {
  const element = h('article', { class: 'embed' });
  if (card.color !== undefined) element.style.setProperty('--bar', `#${card.color.toString(16).padStart(6, '0')}`);
  const body = h('div', { class: 'embed-body' },
    card.author && h('p', { class: 'embed-author' }, icon(card.author.icon_url), linked(card.author.name, card.author.url)),
    card.title && h('p', { class: 'embed-title', role: 'heading', 'aria-level': 3 }, linked(inline(card.title), card.url)),
    card.description && h('div', { class: 'embed-text' }, markdown(card.description)),
    card.fields?.length && h('div', { class: 'fields' }, rowsOf(card.fields).map(fieldRow)));
  const thumbnail = image(card.thumbnail, 'thumbnail', card, message, old);
  element.append(h('div', { class: 'embed-top' }, body, thumbnail || ''));
  const large = image(card.image, 'large', card, message, old);
  if (large) element.append(large);
  const when = card.timestamp && h('time', { datetime: card.timestamp }, clockTime(card.timestamp));
  if (card.footer || when) {
    element.append(h('p', { class: 'embed-footer' }, icon(card.footer?.icon_url), card.footer?.text, card.footer && when ? ' · ' : '', when));
  }
  return element;
}

function linked(children, address) {
  if (!HTTP.test(address ?? '')) return h('span', {}, children);
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, children);
}

function icon(address) {
  const source = localAddress(address);
  return source && h('img', { src: source, alt: '', width: 20, height: 20 });
}

function image(media, className, card, message, old) {
  if (!media?.url) return null;
  const source = localAddress(media.url);
  // Pictures from elsewhere would tell their host who looks; the page loads nothing that is not its own.
  if (!source) return HTTP.test(media.url) && h('p', { class: 'embed-elsewhere' }, linked(media.url, media.url));
  const file = message.attachments.find((other) => localAddress(other.url) === source);
  const alt = file?.description ?? card.title ?? file?.filename ?? 'picture';
  const { width = file?.width, height = file?.height } = media;
  return picture({ source, alt, width, height, className }, old?.querySelector(`.picture.${className}`));
}

/** Groups fields as Discord does: up to three inline ones share a row, any other has its own. */
function rowsOf(fields) {
  const rows = [];
  for (const field of fields) {
    const row = rows.at(-1);
    if (field.inline && row?.[0].inline && row.length < 3) row.push(field);
    else rows.push([field]);
  }
  return rows;
}

function fieldRow(fields) {
  return h('div', { class: `field-row of${fields.length}` }, fields.map((field) => h('div', { class: 'field' },
    h('p', { class: 'field-name' }, inline(field.name)),
    h('div', { class: 'field-value' }, markdown(field.value)))));
}
