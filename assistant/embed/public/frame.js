// Runs in the frame before the chat does. The page around the frame says who its user is; that session goes with every
// request and socket, in place of cookies. Nothing is kept in the browser, so the main chat's theme and login stay.
(() => {
  const about = JSON.parse(document.getElementById('tabletalk-frame').textContent);
  const BASE = '/embed/chat';
  const page = window.parent;
  document.documentElement.classList.add('tt-frame');

  for (const name of ['localStorage', 'sessionStorage']) {
    const held = new Map();
    const store = {
      getItem: (key) => (held.has(String(key)) ? held.get(String(key)) : null),
      setItem: (key, value) => void held.set(String(key), String(value)),
      removeItem: (key) => void held.delete(String(key)),
      clear: () => held.clear(),
      key: (at) => [...held.keys()][at] ?? null,
      get length() { return held.size; },
    };
    Object.defineProperty(window, name, { value: store, configurable: true });
  }
  localStorage.setItem('vite-ui-theme', about.theme === 'auto' ? 'system' : about.theme);

  window.transports = ['websocket']; // the only one that carries the session

  let session = null;
  let waiting = [];
  const tell = (message) => { if (page !== window) page.postMessage(message, about.origin); };
  const askForSession = () => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    if (waiting.length === 1) tell({ tabletalk: 'session?' });
  });
  const getSession = async () => session ?? askForSession();

  addEventListener('message', (event) => {
    if (event.source === window) return;
    const ours = event.source === page && event.origin === about.origin && page !== window;
    const kind = ours ? event.data?.tabletalk : undefined;
    if (kind === 'hello' || kind === 'ask' || kind === 'context') return; // the chat passes these on to the server
    event.stopImmediatePropagation();
    const told = waiting;
    if (kind === 'session') {
      session = event.data.session;
      waiting = [];
      told.forEach(({ resolve }) => resolve(session));
    } else if (kind === 'refused') {
      waiting = [];
      told.forEach(({ reject }) => reject(new Error(event.data.reason)));
      refused(event.data.reason);
    }
  }, true);

  const refused = (reason) => {
    const note = document.createElement('div');
    note.className = 'tt-refused';
    note.setAttribute('role', 'alert');
    note.textContent = reason;
    const show = () => { document.body.replaceChildren(note); };
    if (document.body) show(); else addEventListener('DOMContentLoaded', show);
  };

  const plainFetch = window.fetch.bind(window);
  window.fetch = async (input, init = {}) => {
    const request = input instanceof Request ? input : null;
    const url = new URL(request ? request.url : input, location.href);
    if (url.origin !== location.origin) return plainFetch(input, init);
    if (!url.pathname.startsWith(BASE)) url.pathname = BASE + url.pathname;
    const send = async (token) => {
      const headers = new Headers(init.headers ?? request?.headers);
      headers.set('Authorization', `Bearer ${token}`);
      return plainFetch(request ? new Request(url, request) : url, { ...init, headers, credentials: 'omit' });
    };
    const answer = await send(await getSession());
    if (answer.status === 401) {
      session = null;
      return send(await getSession());
    }
    return url.pathname === `${BASE}/project/translations` ? inWordsOfThePage(answer) : answer;
  };
  const inWordsOfThePage = async (answer) => {
    const told = await answer.json();
    const { chat } = told.translation;
    chat.input.placeholder = about.words.ask;
    chat.watermark = '';
    return new Response(JSON.stringify(told), { status: answer.status, headers: { 'Content-Type': 'application/json' } });
  };

  const PlainSocket = window.WebSocket;
  window.WebSocket = class extends PlainSocket {
    constructor(url) { super(url, ['tabletalk', `session.${session ?? ''}`]); }
  };

  // A link cannot carry the session: what it leads to is fetched, and then given to the person.
  addEventListener('click', async (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="/files/"]') : null;
    if (!link) return;
    event.preventDefault();
    const answer = await fetch(link.getAttribute('href'));
    if (!answer.ok) return;
    const named = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') ?? '');
    const saved = document.createElement('a');
    saved.href = URL.createObjectURL(await answer.blob());
    saved.download = named ? named[1] : 'result';
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 10_000);
  }, true);
})();
