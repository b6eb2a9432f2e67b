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

// The login page words a refusal by its status line alone; how long to wait stands in the answer's detail.
const plainFetch = window.fetch;
window.fetch = async (...asked) => {
  const answer = await plainFetch(...asked);
  if (answer.status !== 429 || new URL(answer.url).pathname !== '/login') return answer;
  const { detail } = await answer.clone().json();
  return new Response(answer.body, { status: answer.status, statusText: detail, headers: answer.headers });
};
