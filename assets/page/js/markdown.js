// Discord's Markdown as DOM nodes: headers, quotes, lists, code, emphasis, links, mentions and timestamps.

import { h } from './dom.js';
import { timestamp } from './time.js';
import { jumpTo } from './jump.js';
import { nameOf, channelById, state } from './state.js';

/** Renders a text of several lines into nodes. */
export function markdown(text) {
  return blocks(text.split('\n'));
}

const LIST = /^(\s*)(?:([-*])|(\d{1,9})\.)\s+(.*)$/;

function blocks(lines) {
  const out = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) out.push(h('p', {}, inline(paragraph.join('\n'))));
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i];
    const fence = /^```(\w*)\s*(.*)$/.exec(line);
    if (fence && closing(lines, i, fence[2]) >= 0) {
      flush();
      const end = closing(lines, i, fence[2]);
      out.push(fenced(lines, i, end, fence));
      const after = end > i && lines[end].slice(lines[end].indexOf('```') + 3).trim();
      if (after) paragraph.push(after);
      i = end;
      continue;
    }
    const header = /^(#{1,3})\s+(.+)$/.exec(line);
    const small = /^-#\s+(.+)$/.exec(line);
    if (header || small || LIST.test(line) || /^>(>>)?\s/.test(line)) flush();
    if (header) {
      out.push(h('p', { class: `heading h${header[1].length}`, role: 'heading', 'aria-level': header[1].length + 2 }, inline(header[2])));
    } else if (small) {
      out.push(h('p', { class: 'small' }, inline(small[1])));
    } else if (line.startsWith('>>> ')) {
      out.push(h('blockquote', {}, blocks([line.slice(4), ...lines.slice(i + 1)])));
      break;
    } else if (/^>\s/.test(line)) {
      const end = runEnd(lines, i, (other) => /^>\s/.test(other));
      out.push(h('blockquote', {}, blocks(lines.slice(i, end).map((other) => other.slice(2)))));
      i = end - 1;
    } else if (LIST.test(line)) {
      const end = runEnd(lines, i, (other) => LIST.test(other));
      out.push(list(lines.slice(i, end).map((other) => LIST.exec(other))));
      i = end - 1;
    } else if (line.trim() === '' && paragraph.length === 0) {
      if (out.length && lines.slice(i).some((rest) => rest.trim())) out.push(h('div', { class: 'gap' }));
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return out;
}

function runEnd(lines, start, fits) {
  let end = start;
  while (end < lines.length && fits(lines[end])) end += 1;
  return end;
}

/** Finds the line that closes a code fence, -1 if none does. */
function closing(lines, start, rest) {
  if (rest.includes('```')) return start;
  for (let i = start + 1; i < lines.length; i += 1) if (lines[i].includes('```')) return i;
  return -1;
}

function fenced(lines, start, end, fence) {
  if (end === start) return h('pre', {}, h('code', {}, lines[start].replace(/```/g, '')));
  const last = lines[end].slice(0, lines[end].indexOf('```'));
  const body = [...(fence[2] ? [fence[2]] : []), ...lines.slice(start + 1, end), ...(last ? [last] : [])];
  return h('pre', { tabindex: 0 }, h('code', {}, body.join('\n')));
}

function list(items) {
  const root = h(items[0][3] ? 'ol' : 'ul', items[0][3] ? { start: items[0][3] } : {});
  let last = null;
  let nested = [];
  const attach = () => {
    if (nested.length && last) last.append(list(nested));
    nested = [];
  };
  const base = items[0][1].length;
  for (const item of items) {
    if (item[1].length > base && last) {
      nested.push(item);
      continue;
    }
    attach();
    last = h('li', {}, inline(item[4]));
    root.append(last);
  }
  attach();
  return root;
}

// Each rule: a pattern anchored at the current position, and what it becomes. The first that fits wins.
const RULES = [
  [/^\\([^A-Za-z0-9\s])/, (m) => m[1]],
  [/^``(.+?)``(?!`)/s, (m) => h('code', {}, m[1])],
  [/^`([^`]+)`/, (m) => h('code', {}, m[1])],
  [/^<@!?(\d+)>/, (m) => h('span', { class: m[1] === state.user ? 'mention own' : 'mention' }, `@${nameOf(m[1])}`)],
  [/^<#(\d+)>/, (m) => h('span', { class: 'mention' }, `#${channelById(m[1])?.name ?? 'unknown'}`)],
  [/^<\/([\w -]+):\d+>/, (m) => h('span', { class: 'mention' }, `/${m[1]}`)],
  [/^<t:(-?\d+)(?::([tTdDfFR]))?>/, (m) => timestamp(Number(m[1]), m[2] ?? 'f')],
  [/^https:\/\/discord\.com\/channels\/(?:@me|\d+)\/(\d+)\/(\d+)/, (m) => messageLink(m[1], m[2])],
  [/^<(https?:\/\/[^\s>]+)>/, (m) => link(m[1], m[1])],
  [/^\[([^\]\n]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m) => link(m[2], inline(m[1]))],
  [/^https?:\/\/[^\s<]+[^\s<.,:;"')\]!?*_~|]/, (m) => link(m[0], m[0])],
  [/^\*\*\*(?=\S)(.+?)\*\*\*/s, (m) => h('strong', {}, h('em', {}, inline(m[1])))],
  [/^\*\*(?=\S)(.+?)\*\*(?!\*)/s, (m) => h('strong', {}, inline(m[1]))],
  [/^__(?=\S)(.+?)__(?!_)/s, (m) => h('u', {}, inline(m[1]))],
  [/^~~(?=\S)(.+?)~~/s, (m) => h('s', {}, inline(m[1]))],
  [/^\|\|(.+?)\|\|/s, (m) => spoiler(m[1])],
  [/^\*(?=[^\s*])([^*]*(?:\*\*[^*]+\*\*[^*]*)*[^\s*])\*(?!\*)|^\*([^\s*])\*(?!\*)/s, (m) => h('em', {}, inline(m[1] ?? m[2]))],
  [/^_(?=\S)((?:[^_]|_(?=\w))+?)_(?!\w)/s, (m) => h('em', {}, inline(m[1]))],
];

/** Renders text inside a line (or several, joined by line breaks). */
export function inline(text) {
  const out = [];
  let plain = '';
  let rest = text;
  let before = '';
  while (rest) {
    const special = /[\\`<[h*_~|\n]/.exec(rest);
    const skip = special ? special.index : rest.length;
    if (skip) {
      plain += rest.slice(0, skip);
      before = rest[skip - 1];
      rest = rest.slice(skip);
      continue;
    }
    const found = rest[0] === '\n' ? null : match(rest, before);
    if (found) {
      if (plain) out.push(plain);
      plain = '';
      out.push(found.node);
      before = found.text.at(-1);
      rest = rest.slice(found.text.length);
      continue;
    }
    if (rest[0] === '\n') {
      out.push(plain, h('br'));
      plain = '';
    } else {
      plain += rest[0];
    }
    [before] = rest;
    rest = rest.slice(1);
  }
  if (plain) out.push(plain);
  return out;
}

function match(rest, before) {
  for (const [pattern, build] of RULES) {
    // snake_case and addresses inside words stay as they are.
    if ((rest[0] === '_' || rest[0] === 'h') && /\w/.test(before)) continue;
    const found = pattern.exec(rest);
    if (found) return { node: build(found), text: found[0] };
  }
  return null;
}

function link(address, children) {
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, children);
}

/** A link to a message leads there, as in Discord's own clients. */
function messageLink(channel, message) {
  const place = channelById(channel);
  const name = place?.guild_id ? `#${place.name}` : state.bot.name;
  return h('button', { class: 'mention jump', type: 'button', onclick: () => jumpTo(channel, message) }, `${name} › message`);
}

function spoiler(text) {
  const show = (event) => event.currentTarget.classList.add('open');
  return h('button', { class: 'spoiler', type: 'button', 'aria-label': 'Show the spoiler', onclick: show }, inline(text));
}
