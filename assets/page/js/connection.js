// The two ways to the sandbox: a WebSocket that tells what happens, and requests for what a person does.

const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 5000;

/**
 * Keeps a live connection, reconnecting for ever with growing pauses. The server starts every connection with a full
 * snapshot, so a reconnect is a resync.
 */
export function connect({ onFrame, onStatus }) {
  let pause = FIRST_RETRY_MS;
  const open = () => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.onmessage = (message) => {
      pause = FIRST_RETRY_MS;
      onFrame(JSON.parse(message.data));
    };
    socket.onopen = () => onStatus(true);
    socket.onclose = () => {
      onStatus(false);
      setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_RETRY_MS);
    };
  };
  open();
}

/** Does something as a user. Resolves to the answer's fields, rejects with what a person can read. */
export async function act(user, action, details = {}) {
  return answer(fetch('/act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, action, ...details }),
  }));
}

/** Puts a file beside the next message or command; resolves to `{ upload }`, the number that names it there. */
export async function upload(file) {
  const name = encodeURIComponent(file.name);
  return answer(fetch(`/upload?filename=${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: file,
  }));
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error('The demo is not running any more.');
  }
  const text = await response.text();
  let fields = {};
  try {
    fields = JSON.parse(text);
  } catch {
    fields = { error: text };
  }
  if (!response.ok) throw new Error(fields.error || `The sandbox answered ${response.status}.`);
  return fields;
}
