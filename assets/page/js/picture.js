// Attachments: pictures that open large, other files as links.

import { h, icon } from './dom.js';

/** Returns the page's own address for one of the sandbox's files, or null for pictures from elsewhere. */
export function localAddress(url) {
  const found = /\/attachments\/\d+\/(\d+)\/([^/?#]+)/.exec(url ?? '');
  return found && `/files/${found[1]}/${encodeURIComponent(found[2])}`;
}

/**
 * Makes a picture, or gives an existing one (`old`) a new source. The element stays and the new picture is decoded before
 * it replaces what is on screen, so previews that follow each other do not flash.
 */
export function picture({ source, alt, width, height, className }, old) {
  const button = old ?? h('button', { type: 'button', onclick: (event) => enlarge(event.currentTarget.dataset.source, event.currentTarget.dataset.alt) }, h('img'));
  const image = button.firstElementChild;
  button.className = `picture ${className}`;
  button.setAttribute('aria-label', `Enlarge: ${alt || 'picture'}`);
  button.dataset.alt = alt ?? '';
  image.alt = alt ?? '';
  if (width && height) Object.assign(image, { width, height });
  if (button.dataset.source === source) return button;
  button.dataset.source = source;
  if (old) {
    const next = new Image();
    next.src = source;
    // Decoded or not: a picture that cannot be shown is shown as such. A newer source may have come meanwhile.
    next.decode().catch(() => {}).then(() => { if (button.dataset.source === source) image.src = source; });
  } else {
    image.src = source;
  }
  return button;
}

/** Draws a message's files. */
export function attachments(message, old) {
  const files = message.attachments.filter((file) => !file.embedded);
  const pictures = files.filter((file) => file.content_type.startsWith('image/'));
  const others = files.filter((file) => !file.content_type.startsWith('image/'));
  const grid = pictures.length && h('div', { class: `pictures n${Math.min(pictures.length, 4)}` }, pictures.map((file, index) => picture({
    source: localAddress(file.url),
    alt: file.description ?? file.filename,
    width: file.width,
    height: file.height,
    className: 'attached',
  }, old?.querySelectorAll('.picture')[index])));
  return [grid || null, ...others.map(download)];
}

function download(file) {
  const size = file.size < 10_000 ? `${file.size} bytes` : `${(file.size / 1000).toFixed(0)} kB`;
  const address = localAddress(file.url);
  return h('a', { class: 'file', href: address, download: file.filename }, icon('out'), h('b', {}, file.filename), h('span', {}, size));
}

/** Shows a picture as large as the window allows; Escape or a click anywhere closes it. */
export function enlarge(source, alt) {
  const dialog = h('dialog', { class: 'lightbox', 'aria-label': alt || 'Picture' },
    h('img', { src: source, alt: alt ?? '' }),
    h('p', {}, alt && h('span', {}, alt), h('a', { href: source, target: '_blank', rel: 'noopener' }, 'Open the file'),
      h('button', { class: 'link', type: 'button' }, 'Close')));
  dialog.addEventListener('click', (event) => { if (event.target.tagName !== 'A') dialog.close(); });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
