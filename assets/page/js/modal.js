// Modals: the dialogs a bot opens, as a native <dialog> with a form.

import { h } from './dom.js';
import { act } from './connection.js';
import { state, myModal, track } from './state.js';

let open = null;

/** Shows the current user's modal, or takes away one that was answered elsewhere. */
export function drawModal() {
  const modal = myModal();
  if (open && open.id !== modal?.interaction_id) {
    const { dialog } = open;
    open = null;
    dialog.close();
  }
  if (modal && !open) show(modal);
}

function show(modal) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const inputs = modal.inputs.map((input) => [input, field(input)]);
  const cancel = h('button', { class: 'button secondary', type: 'button', onclick: () => dialog.close() }, 'Cancel');
  const send = h('button', { class: 'button primary', type: 'submit' }, 'Submit');
  const form = h('form', { method: 'dialog' },
    h('h2', { id: 'modal-title' }, modal.title),
    h('p', { class: 'from' }, `This form is from ${state.bot.name}. It sees what you write here.`),
    inputs.map(([input, control]) => labelled(input, control)),
    error,
    h('div', { class: 'form-foot' }, cancel, send));
  const dialog = h('dialog', { class: 'modal', 'aria-labelledby': 'modal-title' }, form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    send.disabled = true;
    const fields = Object.fromEntries(inputs.map(([input, control]) => [input.custom_id, control.value]));
    try {
      const { interaction } = await act(modal.user_id, 'submit_modal', { interaction: modal.interaction_id, fields });
      track(interaction, { user: modal.user_id, channel: modal.channel_id, command: modal.title });
    } catch (problem) {
      error.textContent = problem.message;
      send.disabled = false;
    }
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (open?.id !== modal.interaction_id) return;
    open = null;
    state.modals = state.modals.filter((other) => other !== modal);
    act(modal.user_id, 'cancel_modal', { interaction: modal.interaction_id }).catch(() => {});
  });
  open = { id: modal.interaction_id, dialog };
  document.body.append(dialog);
  dialog.showModal();
  inputs[0]?.[1].focus();
}

function field(input) {
  const attributes = {
    id: `field-${input.custom_id}`,
    placeholder: input.placeholder,
    value: input.value ?? '',
    required: input.required,
    minlength: input.required || input.value ? input.min_length : null,
    maxlength: input.max_length,
    autocomplete: 'off',
  };
  return input.paragraph ? h('textarea', { ...attributes, rows: 6 }) : h('input', attributes);
}

function labelled(input, control) {
  const count = h('small', { class: 'count', 'aria-hidden': 'true' });
  const refresh = () => { count.textContent = `${control.value.length} / ${input.max_length}`; };
  control.addEventListener('input', refresh);
  refresh();
  return h('div', { class: 'form-field' },
    h('label', { for: control.id }, input.label, input.required && h('span', { class: 'required', title: 'required' }, ' *')),
    control,
    count);
}
