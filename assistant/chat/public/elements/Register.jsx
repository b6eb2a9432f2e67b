// The form that registers a database. The password goes from here straight to the server; nothing keeps it.
import { useState } from 'react';

const parts = (globalThis.tabletalk ??= {});
const PORTS = { postgres: 5432, mysql: 3306 };

parts.Field ??= function Field({ label, wide, children }) {
  return <label className={`tt-field${wide ? ' tt-wide' : ''}`}><span>{label}</span>{children}</label>;
};

parts.RegisterForm ??= function RegisterForm({ card, act }) {
  const [form, setForm] = useState({ ...card.fields, password: '', url: '' });
  const [byUrl, setByUrl] = useState(false);
  const [told, setTold] = useState(null);
  const [busy, setBusy] = useState(null);
  const set = (name) => (event) => setForm({ ...form, [name]: event.target.value });
  const setKind = (event) => {
    const dialect = event.target.value;
    const usual = !form.port || Number(form.port) === PORTS[form.dialect];
    setForm({ ...form, dialect, port: usual ? PORTS[dialect] : form.port });
  };
  const send = async (name) => {
    setBusy(name);
    setTold(null);
    try {
      const fields = byUrl ? { name: form.name, url: form.url } : { ...form, url: '' };
      const answer = await act({ name, payload: { card: card.id, fields } });
      const response = answer?.response;
      if (!response) setTold({ text: 'The server did not answer. Try again in a moment.', bad: true });
      else if (response.error) setTold({ text: response.error, bad: true });
      else if (response.lines) setTold({ lines: response.lines });
    } catch {
      setTold({ text: 'The server did not answer. Try again in a moment.', bad: true });
    } finally {
      setBusy(null);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    send('register');
  };
  return (
    <form className="tt-card tt-form" onSubmit={submit} autoComplete="off">
      <div className="tt-title">Register a database</div>
      <div className="tt-fields">
        <parts.Field label="Name here"><input required value={form.name} onChange={set('name')} placeholder="warehouse" name="tt-name" /></parts.Field>
        {byUrl
          ? <parts.Field label="URL" wide><input required type="password" value={form.url} onChange={set('url')} placeholder="postgresql://user:password@host:5432/database" name="tt-url" autoComplete="off" /></parts.Field>
          : <>
              <parts.Field label="Kind">
                <select value={form.dialect} onChange={setKind} name="tt-dialect"><option value="postgres">PostgreSQL</option><option value="mysql">MySQL or MariaDB</option></select>
              </parts.Field>
              <parts.Field label="Host"><input required value={form.host} onChange={set('host')} placeholder="db.example.com" name="tt-host" /></parts.Field>
              <parts.Field label="Port"><input required type="number" min="1" max="65535" value={form.port} onChange={set('port')} name="tt-port" /></parts.Field>
              <parts.Field label="Database"><input required value={form.database} onChange={set('database')} name="tt-database" /></parts.Field>
              <parts.Field label="User"><input required value={form.username} onChange={set('username')} name="tt-username" /></parts.Field>
              <parts.Field label="Password"><input type="password" value={form.password} onChange={set('password')} name="tt-password" autoComplete="new-password" /></parts.Field>
              <parts.Field label="TLS">
                <select value={form.tls} onChange={set('tls')} name="tt-tls">
                  <option value="prefer">if the server offers it</option><option value="require">always</option>
                  <option value="verify-full">always, certificate checked</option><option value="disable">never</option>
                </select>
              </parts.Field>
              {form.tls === 'verify-full' && <parts.Field label="Authority (PEM), if not a public one" wide><textarea rows="3" value={form.tls_ca || ''} onChange={set('tls_ca')} name="tt-ca" /></parts.Field>}
            </>}
      </div>
      <div className="tt-quiet">The password is encrypted before it is stored, and no model ever sees it.</div>
      {told?.text && <div className={told.bad ? 'tt-bad' : 'tt-note'} role="status">{told.text}</div>}
      {told?.lines && <div className="tt-note" role="status">{told.lines.map((line) => <div key={line}>{line}</div>)}</div>}
      <div className="tt-choices">
        <button type="button" className="tt-chip" disabled={busy !== null} onClick={() => send('check_address')}>{busy === 'check_address' ? 'Checking' : 'Check'}</button>
        <button type="submit" className="tt-chip tt-main" disabled={busy !== null}>{busy === 'register' ? 'Registering' : 'Register'}</button>
        <button type="button" className="tt-chip" disabled={busy !== null} onClick={() => send('close_form')}>Cancel</button>
        <button type="button" className="tt-link" onClick={() => setByUrl(!byUrl)}>{byUrl ? 'Fill in fields instead' : 'Paste a URL instead'}</button>
      </div>
    </form>
  );
};

parts.Registered ??= function Registered({ card, act }) {
  const [open, setOpen] = useState(false);
  const [tables, setTables] = useState(null);
  const [chosen, setChosen] = useState([]);
  const [told, setTold] = useState(null);
  const [busy, setBusy] = useState(false);
  const done = card.registered;
  const ask = async (name, payload) => {
    setBusy(true);
    setTold(null);
    try {
      const answer = await act({ name, payload: { card: card.id, ...payload } });
      if (answer?.response?.error) setTold(answer.response.error);
      return answer?.response;
    } catch {
      setTold('The server did not answer. Try again in a moment.');
    } finally {
      setBusy(false);
    }
  };
  const choose = async () => {
    const response = await ask('tables', {});
    if (response?.tables) setTables(response.tables);
  };
  const flip = (name) => setChosen(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <div className="tt-card">
      {done.lines.map((line) => <div key={line} className="tt-line-text">{line}</div>)}
      {done.warning && (
        <div className="tt-warn">{done.warning} <button className="tt-link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide the GRANTs' : 'Show me the GRANTs'}</button></div>
      )}
      {open && <div className="tt-query"><pre>{done.grants}</pre></div>}
      {done.trained
        ? <div className="tt-quiet">{done.trained}</div>
        : <div className="tt-choices"><span>{done.question}</span>
            <button className="tt-chip tt-main" disabled={busy} onClick={() => ask('train', { tables: '*' })}>All</button>
            <button className="tt-chip" disabled={busy} onClick={choose}>Choose</button>
            <button className="tt-chip" disabled={busy} onClick={() => ask('train', { tables: '' })}>Later</button>
          </div>}
      {tables && !done.trained && (
        <div className="tt-choose">
          <div className="tt-checks">{tables.map((name) => <label key={name}><input type="checkbox" checked={chosen.includes(name)} onChange={() => flip(name)} /> {name}</label>)}</div>
          <button className="tt-chip tt-main" disabled={busy || chosen.length === 0} onClick={() => ask('train', { tables: chosen })}>Train {chosen.length || ''} {chosen.length === 1 ? 'table' : 'tables'}</button>
        </div>
      )}
      {done.synced
        ? <div className="tt-quiet">{done.synced}</div>
        : done.sync_question && done.synced !== '' && <div className="tt-choices"><span>{done.sync_question}</span>
            <button className={`tt-chip${done.trained ? ' tt-main' : ''}`} disabled={busy} onClick={() => ask('first_sync', { choice: 'now' })}>Sync it now</button>
            <button className="tt-chip" disabled={busy} onClick={() => ask('first_sync', { choice: 'nightly' })}>Nightly</button>
            <button className="tt-chip" disabled={busy} onClick={() => ask('first_sync', { choice: 'never' })}>Never</button>
          </div>}
      {told && <div className="tt-bad" role="status">{told}</div>}
    </div>
  );
};

parts.Register ??= function Register({ card, act }) {
  if (card.registered) return <parts.Registered card={card} act={act} />;
  if (card.closed) return <div className="tt-quiet">{card.closed}</div>;
  return <parts.RegisterForm card={card} act={act} />;
};

export default <parts.Register card={props} act={callAction} />;
