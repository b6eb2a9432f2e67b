// Puts a chat over your own data into this page. It asks our server how it looks here, opens a frame, and says there
// who the page's user is. What it cannot do it says on the console; the page itself is never disturbed.
(() => {
  const script = document.currentScript;
  const source = new URL(script.src);
  const server = source.origin;
  const key = source.searchParams.get('key') ?? '';
  const tokenUrl = script.dataset.token ?? '';
  const held = `tabletalk:${key}:`;
  const listeners = new Map();
  const early = [];
  let look, panel, frame, button, context, renewal, greeting, fresh = null, ready = false, wanted = false;

  const keep = (name, value) => {
    try {
      if (value === null) sessionStorage.removeItem(held + name); else sessionStorage.setItem(held + name, value);
    } catch { /* a page without storage forgets the conversation when it is left */ }
  };
  const kept = (name) => { try { return sessionStorage.getItem(held + name); } catch { return null; } };
  const complain = (reason) => console.warn(`Tabletalk: ${reason}`);

  const post = async (path, body) => {
    const answer = await fetch(`${server}/embed/${path}?key=${encodeURIComponent(key)}`, {
      method: 'POST',
      credentials: 'omit',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail ?? answer.statusText);
    return told;
  };

  // Who the page's user is: signed by the page's own server, or nobody in particular.
  const signed = async () => {
    if (!tokenUrl) return '';
    const answer = await fetch(tokenUrl, { credentials: 'same-origin', headers: { Accept: 'text/plain' } });
    if (!answer.ok) throw new Error(`${tokenUrl} answers ${answer.status}: nobody has signed in to this page.`);
    return (await answer.text()).trim();
  };
  const admit = async () => {
    const told = await post('token', { token: await signed(), before: kept('visitor') ?? '' });
    if (!tokenUrl) keep('visitor', told.session);
    if (kept('guest') !== told.guest) { // somebody else signed in to the page: their conversation is their own
      keep('thread', null);
      keep('guest', told.guest);
    }
    clearTimeout(renewal);
    renewal = setTimeout(renew, told.expires_in * 900);
    return told.session;
  };

  const send = (message) => frame?.contentWindow?.postMessage(message, server);
  // The frame answers once its line to the server stands; what is said before would be lost.
  const greet = () => {
    clearInterval(greeting);
    greeting = setInterval(() => (ready ? clearInterval(greeting) : send({ tabletalk: 'hello' })), 300);
  };
  // Before its session is over the frame gets the next one, unasked.
  const renew = async () => {
    try { send({ tabletalk: 'session', session: await admit() }); } catch (error) { complain(error.message); }
  };
  const introduce = async () => {
    const known = fresh;
    fresh = null;
    try {
      send({ tabletalk: 'session', session: known ?? await admit() });
      greet();
    } catch (error) {
      complain(error.message);
      clearInterval(greeting);
      panel.dataset.state = 'told';
      send({ tabletalk: 'refused', reason: error.message });
    }
  };

  addEventListener('message', (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== server) return;
    const data = event.data ?? {};
    if (data.tabletalk === 'session?') introduce();
    else if (data.tabletalk === 'thread') keep('thread', data.id);
    else if (data.tabletalk === 'ready') {
      ready = true;
      panel.dataset.state = 'ready';
      if (context !== undefined) send({ tabletalk: 'context', data: context });
      early.splice(0).forEach(send);
    } else if (data.tabletalk === 'answer') emit('answer', data.answer);
  });

  const emit = (name, detail) => {
    for (const fn of listeners.get(name) ?? []) {
      try { fn(detail); } catch (error) { complain(error); }
    }
  };

  const STYLE = `
    :host { all: initial; --accent: #0b6b75; --on: #fff; --ground: #fff; --ink: #1d2427; --line: #d9dfe2; }
    :host([data-theme="dark"]) { --ground: #15191c; --ink: #dfe5e8; --line: #343d42; }
    * { box-sizing: border-box; }
    button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
    button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    .launch { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; display: flex; align-items: center; gap: 9px;
      font: 500 15px/1 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--on); background: var(--accent);
      border-radius: 999px; padding: 13px 19px 13px 16px; box-shadow: 0 2px 10px rgb(0 0 0 / .22); }
    .launch:hover { filter: brightness(1.08); }
    .launch[aria-expanded="true"] { display: none; }
    .panel { position: fixed; right: 20px; bottom: 20px; z-index: 2147483001; width: min(440px, calc(100vw - 40px));
      height: min(680px, calc(100vh - 40px)); display: flex; flex-direction: column; overflow: hidden; background: var(--ground);
      color: var(--ink); border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 10px 34px rgb(0 0 0 / .24);
      font: 15px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    .panel[data-wide] { width: min(860px, calc(100vw - 40px)); height: calc(100vh - 40px); }
    .panel[hidden] { display: none; }
    .bar { display: flex; align-items: center; gap: 4px; padding: 9px 8px 9px 16px; border-bottom: 1px solid var(--line); }
    .title { flex: 1; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .bar button { width: 34px; height: 34px; border-radius: 8px; display: grid; place-items: center; }
    .bar button:hover { background: rgb(128 128 128 / .16); }
    .hold { flex: 1; position: relative; min-height: 0; }
    iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; background: var(--ground); color-scheme: normal; }
    .wait { position: absolute; inset: 0; display: grid; place-items: center; background: var(--ground); opacity: .75; }
    .panel[data-state="ready"] .wait, .panel[data-state="told"] .wait { display: none; }
    @media (max-width: 520px) {
      .panel, .panel[data-wide] { inset: 0; width: 100vw; height: 100dvh; border: 0; border-radius: 0; }
      .wide { display: none !important; }
      .launch { right: 14px; bottom: 14px; }
    }`;
  const ICONS = {
    launch: '<path d="M4 5h16v11H9l-5 4z"/><path d="M9 12.5V10M12 12.5V8.5M15 12.5v-1.5"/>',
    anew: '<path d="M12 5v14M5 12h14"/>',
    wide: '<path d="M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7"/>',
    close: '<path d="M6 6l12 12M18 6L6 18"/>',
  };
  const icon = (name) => `<svg width="19" height="19" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${ICONS[name]}</svg>`;
  const made = (name, label, fn) => {
    const one = document.createElement('button');
    one.type = 'button';
    one.className = name;
    one.innerHTML = icon(name);
    one.setAttribute('aria-label', label);
    one.title = label;
    one.addEventListener('click', fn);
    return one;
  };
  const piece = (name, ...inside) => {
    const one = document.createElement('div');
    one.className = name;
    one.append(...inside);
    return one;
  };

  const build = () => {
    const { words } = look;
    const host = document.createElement('tabletalk-widget');
    const root = host.attachShadow({ mode: 'open' });
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paint = () => { host.dataset.theme = look.theme === 'auto' ? (dark.matches ? 'dark' : 'light') : look.theme; };
    dark.addEventListener('change', paint);
    paint();
    const style = document.createElement('style');
    style.textContent = STYLE;
    if (look.accent) {
      const [red, green, blue] = [1, 3, 5].map((at) => parseInt(look.accent.slice(at, at + 2), 16));
      host.style.setProperty('--accent', look.accent);
      host.style.setProperty('--on', red * 0.299 + green * 0.587 + blue * 0.114 > 160 ? '#111' : '#fff');
    }
    button = made('launch', look.title, open);
    button.append(look.title);
    button.setAttribute('aria-expanded', 'false');
    const title = piece('title', look.title);
    const wide = made('wide', '', () => panel.toggleAttribute('data-wide'));
    wide.setAttribute('aria-label', words.wide);
    wide.title = words.wide;
    const bar = piece('bar', title, made('anew', words.anew, anew), wide, made('close', words.close, close));
    panel = piece('panel', bar, piece('hold', piece('wait', words.waiting)));
    panel.setAttribute('role', 'dialog');
    panel.setAttribute('aria-label', look.title);
    panel.hidden = true;
    panel.addEventListener('keydown', (event) => { if (event.key === 'Escape') close(); });
    root.append(style, button, panel);
    document.body.append(host);
  };

  const load = async () => {
    ready = false;
    panel.dataset.state = 'loading';
    frame?.remove();
    const mine = frame = document.createElement('iframe');
    frame.title = look.title;
    frame.allow = 'clipboard-write';
    try { fresh = await admit(); } catch { /* the frame asks once more, and shows why */ }
    if (frame !== mine) return; // loaded anew meanwhile
    const thread = kept('thread');
    const path = thread ? `thread/${encodeURIComponent(thread)}` : '';
    frame.src = `${server}/embed/chat/${path}?key=${encodeURIComponent(key)}&origin=${encodeURIComponent(location.origin)}`;
    panel.querySelector('.hold').prepend(frame);
  };

  const open = () => {
    wanted = true;
    if (!panel) return;
    if (!frame) load();
    panel.hidden = false;
    button.setAttribute('aria-expanded', 'true');
    keep('open', '1');
    frame.focus();
    emit('open');
  };
  const close = () => {
    if (!panel || panel.hidden) return;
    panel.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    keep('open', null);
    button.focus();
    emit('close');
  };
  const anew = () => { keep('thread', null); if (panel) load(); };
  const deliver = (message) => { if (ready) send(message); else early.push(message); };

  window.Tabletalk = Object.freeze({
    open: () => void open(),
    close: () => void close(),
    /** Open the chat and ask `text` there, as if the person had typed it. */
    ask: (text) => { deliver({ tabletalk: 'ask', text: String(text) }); open(); },
    /** Tell what the page shows: facts for the answers, never instructions. At most 4,000 characters of JSON. */
    context: (data) => { context = data; if (ready) send({ tabletalk: 'context', data }); },
    /** Begin a new conversation; after signing out of the page, for instance. */
    reset: () => { keep('visitor', null); anew(); },
    /** Call `fn` at each `answer` ({question, text, results}), `open` and `close`; gives what stops it. */
    on: (name, fn) => {
      listeners.set(name, [...(listeners.get(name) ?? []), fn]);
      return () => listeners.set(name, (listeners.get(name) ?? []).filter((one) => one !== fn));
    },
  });

  const begin = async () => {
    try {
      look = await post('config', {});
    } catch (error) {
      return complain(`${location.origin} may not show this chat, or ${server} cannot be reached (${error.message}).`);
    }
    build();
    if (wanted || (kept('open') && !matchMedia('(max-width: 520px)').matches)) open();
    emit('ready');
    document.dispatchEvent(new CustomEvent('tabletalk:ready'));
  };
  if (document.body) begin(); else addEventListener('DOMContentLoaded', begin);
})();
