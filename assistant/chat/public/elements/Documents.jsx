// What a search of documents found: a dense list, each hit with what it says, why it is one, and the way to its row.
import { useState } from 'react';

const parts = (globalThis.tabletalk ??= {});

parts.Pieces ??= function Pieces({ pieces }) {
  return pieces.map(([text, marked], at) => (marked ? <mark key={at}>{text}</mark> : <span key={at}>{text}</span>));
};

parts.LiveRow ??= function LiveRow({ row }) {
  return (
    <div className="tt-live">
      <div className="tt-quiet" title={row.sql}>As it is now at the source · {Math.max(1, Math.round(row.milliseconds))} ms</div>
      <dl>
        {row.fields.map(([name, family, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={family === 'number' ? 'tt-number' : ''}>
              {value === null ? <span className="tt-null">NULL</span> : typeof value === 'object' ? JSON.stringify(value) : String(value)}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
};

parts.Linked ??= function Linked({ found }) {
  return (
    <ul className="tt-linked">
      {found.length === 0 && <li className="tt-quiet">Nothing that is synced is linked with it.</li>}
      {found.map((one) => (
        <li key={`${one.id}${one.relation}`}>
          <span className="tt-kind">{one.entity}</span> {one.title}
          <span className="tt-quiet"> {[one.source, one.date, one.relation].filter(Boolean).join(' · ')}</span>
        </li>
      ))}
    </ul>
  );
};

parts.Hit ??= function Hit({ hit, card, act }) {
  const [open, setOpen] = useState(null);
  const [busy, setBusy] = useState(null);
  const [found, setFound] = useState({});
  const [told, setTold] = useState(null);
  const press = async (name) => {
    setTold(null);
    if (open === name) return setOpen(null);
    if (found[name]) return setOpen(name);
    setBusy(name);
    try {
      const answer = (await act({ name, payload: { card: card.id, document: hit.id } }))?.response ?? {};
      if (answer.error) return setTold(answer.error);
      setFound({ ...found, [name]: answer });
      setOpen(name);
    } catch {
      setTold('The server did not answer. Try again in a moment.');
    } finally {
      setBusy(null);
    }
  };
  return (
    <li className="tt-hit" data-document={hit.id}>
      <div className="tt-hit-head">
        <span className="tt-kind">{hit.entity}</span>
        <span className="tt-hit-title"><parts.Pieces pieces={hit.title} /></span>
        <span className="tt-quiet tt-hit-source" title={hit.exact}>{[hit.source, hit.date].filter(Boolean).join(' · ')}</span>
      </div>
      {hit.snippet.length > 0 && <div className="tt-said"><parts.Pieces pieces={hit.snippet} /></div>}
      {hit.evidence.map((one) => (
        <div key={one.id} className="tt-evidence">
          <span className="tt-kind">{one.entity}</span> <parts.Pieces pieces={one.title} />
          <span className="tt-quiet"> {[one.source, one.date].filter(Boolean).join(' · ')}</span>
          {one.snippet.length > 0 && <div className="tt-said"><parts.Pieces pieces={one.snippet} /></div>}
        </div>
      ))}
      <div className="tt-hit-foot">
        <span className="tt-quiet">{hit.why}</span>
        <span className="tt-actions">
          <button disabled={busy !== null} aria-expanded={open === 'open_row'} onClick={() => press('open_row')}>
            {busy === 'open_row' ? 'Opening' : open === 'open_row' ? 'Close row' : 'Open row'}
          </button>
          <button disabled={busy !== null} aria-expanded={open === 'related'} onClick={() => press('related')}>
            {busy === 'related' ? 'Looking' : open === 'related' ? 'Hide related' : 'Related'}
          </button>
        </span>
      </div>
      {told && <div className="tt-bad" role="status">{told}</div>}
      {open === 'open_row' && <parts.LiveRow row={found.open_row} />}
      {open === 'related' && <parts.Linked found={found.related.documents} />}
    </li>
  );
};

parts.Documents ??= function Documents({ card, act }) {
  const [all, setAll] = useState(false);
  const first = 5;
  const shown = all ? card.hits : card.hits.slice(0, first);
  return (
    <div className="tt-card tt-documents">
      {card.hits.length === 0 && <div className="tt-empty">Nothing that is synced says so.</div>}
      <ol>{shown.map((hit) => <parts.Hit key={hit.id} hit={hit} card={card} act={act} />)}</ol>
      {card.hits.length > first && (
        <button className="tt-link" onClick={() => setAll(!all)}>{all ? `Show the first ${first}` : `Show all ${card.hits.length}`}</button>
      )}
      <div className="tt-read">Read as: {card.read_as}.</div>
      {card.warnings.map((line) => <div key={line} className="tt-warn">{line}</div>)}
      {card.gone && <div className="tt-note">{card.gone}</div>}
    </div>
  );
};

export default <parts.Documents card={props} act={callAction} />;
