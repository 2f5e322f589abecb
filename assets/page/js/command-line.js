// A slash command being filled in: one field an option, completed and checked while it is typed.

import { h, icon, toast } from './dom.js';
import { act, upload } from './connection.js';
import { constraint, fixedChoices, readOptions, readValue } from './commands.js';
import { COMBOBOX } from './suggestions.js';
import { state, track } from './state.js';

const AUTOCOMPLETE_PAUSE_MS = 120;

/**
 * Makes the line for `command`, filled from `text` (`prompt:a fox beta:0.4`, or free text for the first option).
 * `leave(text)` goes back to plain text; `sent(line)` is called after the sandbox took the command.
 */
export function commandLine(command, text, { suggestions, leave, sent }) {
  const fields = [];
  const more = h('button', { class: 'more', type: 'button', onclick: () => offerOptions(true) });
  const problem = h('p', { class: 'problem', role: 'alert', id: 'command-problem' });
  const row = h('div', { class: 'command-row' }, h('b', { class: 'command-name' }, `/${command.name}`), more);
  const element = h('div', { class: 'command', role: 'group', 'aria-label': `Command /${command.name}` }, row, problem);
  // Takes the keys of a command without options.
  const anchor = h('input', { class: 'anchor', 'aria-label': `/${command.name}. Press Enter to send`, readonly: true });
  let request = 0;
  let timer = null;

  const unused = () => command.options.filter((option) => !fields.some((field) => field.option === option));
  const refreshMore = () => {
    const left = unused().length;
    more.hidden = left === 0;
    more.textContent = `+${left} optional`;
    anchor.remove();
    if (fields.length === 0) row.insertBefore(anchor, more);
  };

  function add(option, value = '') {
    const known = fixedChoices(option).find((choice) => choice.name.toLowerCase() === value.toLowerCase());
    const field = { option, picked: known?.value };
    field.input = option.kind === 'attachment' ? filePicker(field) : textInput(field, value);
    field.element = h('span', { class: 'option' }, h('label', { for: field.input.id }, option.name), field.input);
    fields.push(field);
    row.insertBefore(field.element, more);
    refreshMore();
    return field;
  }

  function textInput(field, value) {
    const input = h('input', {
      ...COMBOBOX,
      id: `option-${field.option.name}`,
      type: 'text',
      value,
      inputmode: field.option.kind === 'number' ? 'decimal' : field.option.kind === 'integer' ? 'numeric' : null,
      'aria-describedby': 'command-problem',
      onfocus: () => offer(field),
      onblur: () => check(field),
      onkeydown: (event) => onKey(event, field),
      oninput: () => {
        field.picked = undefined;
        field.element.classList.remove('bad');
        problem.textContent = '';
        fit(input);
        if (!splitOffOption(field)) offer(field);
      },
    });
    fit(input);
    return input;
  }

  function filePicker(field) {
    const input = h('input', { type: 'file', id: `option-${field.option.name}`, onkeydown: (event) => onKey(event, field), onfocus: () => offer(field) });
    input.addEventListener('change', async () => {
      field.picked = undefined;
      if (!input.files[0]) return;
      try {
        field.picked = await upload(input.files[0]);
      } catch (error) {
        toast(error.message);
      }
    });
    return input;
  }

  /** `… beta:` typed inside a text moves on to that option. */
  function splitOffOption(field) {
    const found = /(?:^|\s)([\w-]+):$/.exec(field.input.value);
    const option = found && unused().find((other) => other.name === found[1]);
    if (!option || field.option.kind !== 'string') return false;
    field.input.value = field.input.value.slice(0, found.index);
    fit(field.input);
    add(option).input.focus();
    return true;
  }

  function offer(field) {
    const { option, input } = field;
    const title = option.name;
    const detail = [option.description, constraint(option)].filter(Boolean).join(' · ');
    clearTimeout(timer);
    request += 1;
    const choices = fixedChoices(option);
    if (choices.length) {
      const typed = input.value.trim().toLowerCase();
      const fitting = choices.filter((choice) => choice.name.toLowerCase().includes(typed));
      const shown = field.picked === undefined ? fitting : choices;
      suggestions.show(input, { title, detail, options: shown.map((choice) => value(field, choice)), preselect: field.picked === undefined });
    } else if (option.autocomplete) {
      suggestions.show(input, { title, detail, options: [] });
      complete(field, request, title, detail);
    } else {
      suggestions.show(input, { title, detail, options: optional(), preselect: false });
    }
  }

  const value = (field, choice) => ({ name: choice.name, choose: () => pick(field, choice) });
  const optional = () => unused().map((option) => ({ name: option.name, detail: option.description, aside: constraint(option), choose: () => add(option).input.focus() }));

  function offerOptions(preselect) {
    const owner = fields.at(-1)?.input ?? anchor;
    owner.focus();
    suggestions.show(owner, { title: 'Options', options: optional(), preselect });
  }

  function complete(field, number, title, detail) {
    timer = setTimeout(async () => {
      const { values } = read(true);
      delete values[field.option.name];
      const options = { ...values, [field.option.name]: field.input.value };
      let choices = [];
      try {
        ({ choices } = await act(state.user, 'autocomplete', { channel: state.channel, command: command.name, options, focused: field.option.name }));
      } catch {
        detail = 'The suggestions did not load. You can type on.';
      }
      // An older question's answer, or one that nobody looks at any more.
      if (number !== request || document.activeElement !== field.input) return;
      suggestions.show(field.input, { title, detail, options: choices.map((choice) => value(field, choice)), preselect: field.input.value !== '' });
    }, AUTOCOMPLETE_PAUSE_MS);
  }

  function pick(field, choice) {
    field.input.value = choice.name;
    field.picked = choice.value;
    field.element.classList.remove('bad');
    fit(field.input);
    suggestions.hide();
    const next = fields.find((other) => other.option.required && other.input.value === '');
    (next ?? field).input.focus();
    if (!next) suggestions.hide();
  }

  /** Reads every field; with `lenient` only those that are in order. */
  function read(lenient = false) {
    const values = {};
    let first = null;
    for (const field of fields) {
      const { value: found, problem: wrong } = readValue(field.option, field.input.type === 'file' ? '' : field.input.value, field.picked);
      if (wrong && !lenient) first ??= { field, wrong };
      if (found !== undefined) values[field.option.name] = found;
    }
    return { values, first };
  }

  function check(field) {
    if (field.input.type === 'file' || field.input.value.trim() === '') return;
    const wrong = readValue(field.option, field.input.value, field.picked).problem;
    field.element.classList.toggle('bad', Boolean(wrong));
    problem.textContent = wrong ?? '';
  }

  async function send() {
    const { values, first } = read();
    if (first) {
      problem.textContent = first.wrong;
      first.field.element.classList.add('bad');
      first.field.input.focus();
      return;
    }
    const { user, channel } = state;
    try {
      const { interaction } = await act(user, 'command', { channel, command: command.name, options: values });
      track(interaction, { user, channel, command: `/${command.name}` });
      sent(asText());
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  const asText = () => fields.filter((field) => field.input.type !== 'file' && field.input.value.trim())
    .map((field) => `${field.option.name}:${field.input.value.trim()}`).join(' ');

  function remove(field) {
    const at = fields.indexOf(field);
    fields.splice(at, 1);
    field.element.remove();
    refreshMore();
    (fields[at - 1]?.input ?? fields[0]?.input ?? anchor).focus();
  }

  function onKey(event, field) {
    if (event.isComposing) return;
    const last = !field || fields.at(-1) === field;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (suggestions.hasActive()) suggestions.choose();
      else send();
    } else if (event.key === 'Tab' && !event.shiftKey && suggestions.isOpen()) {
      if (suggestions.hasActive()) {
        event.preventDefault();
        suggestions.choose();
      } else if (last && suggestions.hasItems()) {
        event.preventDefault();
        suggestions.move(1);
      }
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!suggestions.hasItems()) return;
      event.preventDefault();
      suggestions.move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      if (suggestions.hasActive()) suggestions.clearActive();
      else leave('');
    } else if (event.key === 'Backspace' && (!field || (field.input.type !== 'file' && field.input.value === ''))) {
      event.preventDefault();
      if (field && !field.option.required) remove(field);
      else if (fields.every((other) => other.input.value === '')) leave(`/${command.name}`);
    }
  }

  const sendButton = h('button', { class: 'icon-button send', type: 'button', 'aria-label': 'Send the command', onclick: send }, icon('send'));
  const leaveButton = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Leave the command', onclick: () => leave('') }, icon('close'));
  row.append(h('span', { class: 'command-end' }, leaveButton, sendButton));
  element.addEventListener('focusout', (event) => { if (!element.contains(event.relatedTarget)) suggestions.hide(); });
  anchor.addEventListener('keydown', (event) => onKey(event, null));
  anchor.addEventListener('focus', () => suggestions.show(anchor, { title: `/${command.name}`, detail: command.description, options: optional(), preselect: false }));
  const given = readOptions(command, text);
  for (const option of command.options) if (option.required || given.has(option.name)) add(option, given.get(option.name));
  refreshMore();
  return { element, send, focus: () => (fields.find((field) => !field.input.value) ?? fields.at(-1))?.input.focus() ?? anchor.focus() };
}

/** Makes a field as wide as its text. */
function fit(input) {
  input.style.width = `${Math.max(3, Math.min(60, [...input.value].length + 1))}ch`;
}
