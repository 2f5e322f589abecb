// The chat page's start: the live connection feeds the state, the state's changes redraw the parts.

import { connect } from './connection.js';
import { drawModal } from './modal.js';
import { drawSidebar, startSidebar } from './sidebar.js';
import { onChange, receive, setConnected } from './state.js';
import { drawComposer, startComposer } from './composer.js';
import { startList } from './list.js';

startSidebar();
startComposer();
startList();
onChange(({ kind }) => {
  if (['everything', 'world', 'unread'].includes(kind)) drawSidebar();
  if (['everything', 'world', 'reply'].includes(kind)) drawComposer(kind);
  if (['everything', 'modal'].includes(kind)) drawModal();
});
connect({ onFrame: receive, onStatus: setConnected });
