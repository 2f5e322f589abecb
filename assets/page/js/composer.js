// The message box: plain messages with files, replies, and the way into slash commands.

import { h, icon, toast } from './dom.js';
import { act, upload } from './connection.js';
import { commandLine } from './command-line.js';
import { matching, usableCommands } from './commands.js';
import { COMPLETED, suggestionList } from './suggestions.js';
import { state, channelById, messageById, nameOf, setReply } from './state.js';

const TYPING_EVERY_MS = 8000;
const LONGEST_MESSAGE = 2000;

const suggestions = suggestionList();
const reply = h('div', { class: 'reply-bar', hidden: true });
const files = h('div', { class: 'files', hidden: true });
const input = h('textarea', {
  ...COMPLETED,
  id: 'composer-input',
  rows: 1,
  'aria-label': 'Message. Type / for commands',
  oninput: onInput,
  onkeydown: onKey,
});
const chooser = h('input', { type: 'file', multiple: true, hidden: true, 'aria-hidden': 'true', tabindex: -1 });
const attach = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Attach files', onclick: () => chooser.click() }, icon('plus'));
const send = h('button', { class: 'icon-button send', type: 'button', 'aria-label': 'Send', onclick: sendText }, icon('send'));
const plain = h('div', { class: 'plain' }, attach, chooser, input, send);

let line = null;
let place = null;
let waiting = [];
let typedAt = 0;
/** What each person sent last, for the up arrow. */
const last = new Map();

/** Puts the composer on the page. */
export function startComposer() {
  document.getElementById('composer').append(suggestions.element, reply, files, plain);
  chooser.addEventListener('change', () => {
    waiting.push(...chooser.files);
    chooser.value = '';
    drawFiles();
    input.focus();
  });
  input.addEventListener('paste', (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    waiting.push(...event.clipboardData.files);
    drawFiles();
  });
  input.addEventListener('blur', () => suggestions.hide());
  input.addEventListener('focus', offerCommands);
  // Typing anywhere on the page goes into the box, as in every chat.
  document.addEventListener('keydown', (event) => {
    const free = document.activeElement === document.body || document.activeElement?.id === 'scroller';
    if (free && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== ' ' && !line) input.focus();
  });
}

/** Draws what depends on who and where one is. */
export function drawComposer(kind) {
  const here = `${state.user}:${state.channel}`;
  if (here !== place) {
    place = here;
    if (line) leaveCommand('');
    input.value = '';
    waiting = [];
    drawFiles();
    grow();
  }
  const channel = channelById(state.channel);
  input.placeholder = `Message ${channel?.guild_id ? `#${channel.name}` : state.bot.name}`;
  const target = state.replyTo && messageById(state.replyTo);
  reply.hidden = !target;
  if (target) {
    reply.replaceChildren(h('span', {}, 'Replying to ', h('b', {}, nameOf(target.author.id))),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Do not reply', onclick: () => setReply(null) }, icon('close')));
    if (kind === 'reply' && !line) input.focus();
  }
}

/** Begins a command as if it had been typed. */
export function startCommand(name) {
  const command = usableCommands().find((other) => other.name === name);
  if (command) enterCommand(command, '');
  else toast(state.bot.online ? `There is no /${name} here.` : 'The bot is still starting.');
}

function enterCommand(command, text) {
  line?.element.remove();
  plain.hidden = true;
  suggestions.hide();
  line = commandLine(command, text, {
    suggestions,
    leave: leaveCommand,
    sent: (options) => {
      last.set(state.user, `/${command.name} ${options}`);
      leaveCommand('');
    },
  });
  document.getElementById('composer').append(line.element);
  line.focus();
}

function leaveCommand(text) {
  line?.element.remove();
  line = null;
  suggestions.hide();
  plain.hidden = false;
  input.value = text;
  grow();
  input.focus();
}

/** `/imagine ` with its space, or a pasted whole command, becomes a command line. */
function completeCommand() {
  const text = input.value;
  if (!text.startsWith('/') || text.includes('\n')) return false;
  const names = usableCommands().filter((command) => text.startsWith(`/${command.name} `));
  const command = names.sort((a, b) => b.name.length - a.name.length)[0];
  if (!command) return false;
  enterCommand(command, text.slice(command.name.length + 2));
  return true;
}

function offerCommands() {
  const text = input.value;
  if (!text.startsWith('/') || text.includes('\n')) return suggestions.hide();
  const options = matching(text.slice(1)).map((command) => ({
    name: `/${command.name}`,
    detail: command.description,
    aside: command.options.filter((option) => option.required).map((option) => option.name).join(' '),
    choose: () => enterCommand(command, ''),
  }));
  return suggestions.show(input, { title: options.length ? 'Commands' : 'No such command', options, preselect: true });
}

function onInput() {
  grow();
  if (completeCommand()) return;
  offerCommands();
  if (input.value && !input.value.startsWith('/') && Date.now() - typedAt > TYPING_EVERY_MS) {
    typedAt = Date.now();
    act(state.user, 'typing', { channel: state.channel }).catch(() => {});
  }
}

function onKey(event) {
  if (event.isComposing) return;
  const listed = suggestions.isOpen() && suggestions.hasActive();
  if (listed && (event.key === 'Tab' || event.key === 'Enter') && !event.shiftKey) {
    event.preventDefault();
    suggestions.choose();
  } else if (listed && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    event.preventDefault();
    suggestions.move(event.key === 'ArrowDown' ? 1 : -1);
  } else if (event.key === 'Escape') {
    if (suggestions.isOpen()) suggestions.hide();
    else if (state.replyTo) setReply(null);
  } else if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    sendText();
  } else if (event.key === 'ArrowUp' && input.value === '' && last.has(state.user)) {
    event.preventDefault();
    input.value = last.get(state.user);
    grow();
    completeCommand();
  }
}

async function sendText() {
  const text = input.value.trim();
  if (!text && waiting.length === 0) return;
  if ([...text].length > LONGEST_MESSAGE) {
    toast(`A message may have ${LONGEST_MESSAGE} characters; this one has ${[...text].length}.`);
    return;
  }
  const { user, channel, replyTo } = state;
  const sending = waiting;
  input.value = '';
  waiting = [];
  typedAt = 0;
  grow();
  drawFiles();
  try {
    const uploads = await Promise.all(sending.map(async (file) => (await upload(file)).upload));
    await act(user, 'say', { channel, text, uploads, reply_to: replyTo });
    last.set(user, text);
    if (replyTo) setReply(null);
  } catch (error) {
    toast(error.message);
    // Nothing that somebody wrote is lost.
    if (input.value === '') input.value = text;
    waiting = sending;
    grow();
    drawFiles();
  }
}

function drawFiles() {
  files.hidden = waiting.length === 0;
  files.replaceChildren(...waiting.map((file) => h('span', { class: 'chip' }, file.name, h('button', {
    class: 'icon-button',
    type: 'button',
    'aria-label': `Remove ${file.name}`,
    onclick: () => {
      waiting = waiting.filter((other) => other !== file);
      drawFiles();
    },
  }, icon('close')))));
}

function grow() {
  input.style.height = 'auto';
  input.style.height = `${Math.min(input.scrollHeight, 220)}px`;
  send.disabled = !input.value.trim() && waiting.length === 0;
}
