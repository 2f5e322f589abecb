// Times as Discord shows them, kept current while they are on the page.

import { h } from './dom.js';
import { now } from './state.js';

const STYLES = {
  t: { timeStyle: 'short' },
  T: { timeStyle: 'medium' },
  d: { dateStyle: 'short' },
  D: { dateStyle: 'long' },
  f: { dateStyle: 'long', timeStyle: 'short' },
  F: { dateStyle: 'full', timeStyle: 'short' },
};

const UNITS = [['year', 31_557_600], ['month', 2_629_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];

/** Renders `<t:SECONDS:STYLE>`. */
export function timestamp(seconds, style) {
  const moment = new Date(seconds * 1000);
  const element = h('time', { class: 'timestamp' });
  if (Number.isNaN(moment.getTime())) {
    element.textContent = 'an unknown time';
    return element;
  }
  element.dateTime = moment.toISOString();
  element.title = new Intl.DateTimeFormat('en', STYLES.F).format(moment);
  if (style === 'R') {
    element.dataset.relative = String(seconds);
    element.textContent = relative(seconds);
  } else {
    element.textContent = new Intl.DateTimeFormat('en', STYLES[style]).format(moment);
  }
  return element;
}

/** Says when something happened in the header of a message. */
export function clockTime(iso) {
  const moment = new Date(iso);
  const sameDay = moment.toDateString() === new Date(now()).toDateString();
  const style = sameDay ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat('en', style).format(moment);
}

function relative(seconds) {
  const distance = seconds - now() / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(distance) >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(distance / size), unit);
}

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-relative]')) {
    element.textContent = relative(Number(element.dataset.relative));
  }
}, 1000);
