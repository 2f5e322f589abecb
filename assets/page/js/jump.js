// Going to a message: from a reply to what it answers, from a link to where it leads.

import { state, switchChannel } from './state.js';

/** Shows a message, in another channel if need be, and marks it for a moment. */
export function jumpTo(channel, message) {
  if (channel !== state.channel) switchChannel(channel);
  const item = document.getElementById(`m${message}`);
  if (!item) return;
  item.scrollIntoView({ block: 'center', behavior: 'smooth' });
  item.classList.add('flash');
  setTimeout(() => item.classList.remove('flash'), 1500);
}
