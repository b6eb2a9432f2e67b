// Chainlit knows a light and a dark default, but not "as the system": say so before it first looks.
if (localStorage.getItem('vite-ui-theme') === null) localStorage.setItem('vite-ui-theme', 'system');

// With its list of conversations closed (a phone) Chainlit leaves the address at "/", and a reload would lose the
// conversation from sight. The server says which it is; Chainlit itself goes first where it can.
addEventListener('message', ({ source, data }) => {
  if (source !== window || data?.tabletalk !== 'thread') return;
  setTimeout(() => {
    if (location.pathname === '/') history.replaceState(history.state, '', `/thread/${encodeURIComponent(data.id)}`);
  }, 1500);
});
