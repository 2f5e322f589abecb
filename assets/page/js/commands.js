// Slash commands as the composer needs them: a flat list, and options read from and turned into values.

import { state, channelById } from './state.js';

/** Every command usable here, subcommands as commands of their own: `{ name, description, options }`. */
export function usableCommands() {
  const guild = channelById(state.channel)?.guild_id ?? null;
  const place = guild ? 'guild' : 'bot_dm';
  const here = state.commands.filter((command) => command.kind === 'chat_input'
    && (!command.guild_id || command.guild_id === guild)
    && (!command.contexts || command.contexts.includes(place)));
  return here.flatMap((command) => leaves(command.name, command)).sort((a, b) => a.name.localeCompare(b.name));
}

function leaves(name, node) {
  const nested = node.options.filter((option) => option.kind === 'subcommand' || option.kind === 'subcommand_group');
  if (nested.length === 0) return [{ name, description: node.description, options: node.options }];
  return nested.flatMap((option) => leaves(`${name} ${option.name}`, option));
}

/** Ranks commands for what was typed after the slash: names that start so, then names that contain it. */
export function matching(typed) {
  const wanted = typed.trim().toLowerCase();
  const all = usableCommands();
  const starts = all.filter((command) => command.name.startsWith(wanted));
  return starts.concat(all.filter((command) => !starts.includes(command) && command.name.includes(wanted)));
}

/** Reads `prompt:a fox beta:0.4`, or free text for the first option, into a map of option name → text. */
export function readOptions(command, text) {
  const values = new Map();
  const names = command.options.map((option) => option.name.replace(/[^\w-]/g, '\\$&')).join('|');
  let current = command.options.find((option) => option.required)?.name ?? command.options[0]?.name;
  if (!current || !text.trim()) return values;
  for (const piece of text.split(new RegExp(`(?:^|\\s)((?:${names}):)`))) {
    const named = command.options.find((option) => `${option.name}:` === piece);
    if (named) current = named.name;
    else if (piece.trim()) values.set(current, piece.trim());
  }
  return values;
}

/** The fixed values a person may choose for an option; empty if it is free. */
export function fixedChoices(option) {
  if (option.choices.length) return option.choices;
  switch (option.kind) {
    case 'boolean': return [{ name: 'True', value: true }, { name: 'False', value: false }];
    case 'user':
    case 'mentionable': return state.users.map((user) => ({ name: user.name, value: user.id }));
    case 'channel': return state.channels.filter((channel) => channel.guild_id).map((channel) => ({ name: channel.name, value: channel.id }));
    default: return [];
  }
}

/** What an option accepts, in a few words. */
export function constraint(option) {
  const { min_value: least, max_value: most, min_length: shortest, max_length: longest } = option;
  const kind = { integer: 'a whole number', number: 'a number', boolean: 'true or false', attachment: 'a file', user: 'a person' }[option.kind];
  if (least !== null && most !== null) return `${kind} from ${least} to ${most}`;
  if (least !== null) return `${kind}, at least ${least}`;
  if (most !== null) return `${kind}, at most ${most}`;
  if (longest) return shortest > 1 ? `${shortest} to ${longest} characters` : `at most ${longest} characters`;
  return kind ?? '';
}

/**
 * Turns what stands in an option's field into the value that is sent: `{ value }`, `{ problem }` for a person to
 * mend, or `{}` if it is empty and may be.
 */
export function readValue(option, text, picked) {
  const trimmed = text.trim();
  if (trimmed === '' && picked === undefined) return option.required ? { problem: `${option.name} is required` } : {};
  if (picked !== undefined) return { value: picked };
  const choices = fixedChoices(option);
  if (choices.length) {
    const choice = choices.find((other) => other.name.toLowerCase() === trimmed.toLowerCase());
    return choice ? { value: choice.value } : { problem: `${option.name}: choose one from the list` };
  }
  if (option.kind === 'integer' || option.kind === 'number') return readNumber(option, trimmed);
  if (option.max_length && trimmed.length > option.max_length) return { problem: `${option.name}: ${trimmed.length} characters, ${constraint(option)}` };
  if (option.min_length && trimmed.length < option.min_length) return { problem: `${option.name}: ${constraint(option)}` };
  return { value: trimmed };
}

function readNumber(option, text) {
  const value = Number(text.replace(',', '.'));
  const whole = option.kind === 'number' || Number.isSafeInteger(value);
  const inside = (option.min_value ?? -Infinity) <= value && value <= (option.max_value ?? Infinity);
  return Number.isFinite(value) && whole && inside ? { value } : { problem: `${option.name}: ${constraint(option)}` };
}
