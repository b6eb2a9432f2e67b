// One result: figure or chart, table, how it was read, and what one can do with it. Drawn from query history.
import { useEffect, useRef, useState } from 'react';
import { ThumbsDown, ThumbsUp } from 'lucide-react';

// Chainlit runs this file again at every change; components kept here keep their state then.
const parts = (globalThis.tabletalk ??= {});

parts.isAmount ??= (column) =>
  column.family === 'number' && !/(^|[_\s])(id|key|year|month|day|week|quarter|hour|zip|postcode|code|phone|number|no)$/i.test(column.name);

parts.decimalsOf ??= (text) => {
  const match = /^-?\d+(?:\.(\d+))?$/.exec(text);
  return match ? (match[1] || '').length : 0;
};

parts.decimals ??= (column, rows, at) => {
  if (!parts.isAmount(column)) return null;
  const values = rows.map((row) => row[at]).filter((value) => value !== null);
  const most = Math.max(0, ...values.map((value) => parts.decimalsOf(String(value))));
  const large = values.some((value) => Math.abs(Number(value)) >= 100);
  return Math.min(most, large ? 2 : 4);
};

parts.number ??= (value, decimals) => {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  // A number that a float cannot hold stays the text that the database gave, grouped.
  if (/^-?\d+$/.test(String(value)) && !Number.isSafeInteger(number)) return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
  return number.toLocaleString('en-US', { minimumFractionDigits: decimals ?? 0, maximumFractionDigits: decimals ?? 6 });
};

parts.time ??= (text) => String(text).replace(/^(\d{4}-\d\d-\d\d)T00:00:00(\.0+)?(Z|\+00:00)?$/, '$1').replace('T', ' ');

parts.duration ??= (ms) => (ms < 1 ? '<1 ms' : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`);

parts.plural ??= (count, word) => `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;

parts.cell ??= (value, column, decimals) => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (column.family === 'number') return decimals === null ? String(value) : parts.number(value, decimals);
  if (column.family === 'date' || column.family === 'datetime') return parts.time(value);
  return typeof value === 'object' ? JSON.stringify(value) : parts.stretch(String(value), column);
};

// What a query labels 2026-10 or 2026-Q4 is a stretch of time, and is written as along an axis.
parts.stretch ??= (text, column) => {
  const match = column.name === 'month' ? /^(\d{4})-(\d\d)$/.exec(text) : column.name === 'quarter' ? /^(\d{4})-?(Q[1-4])$/.exec(text) : null;
  if (!match) return text;
  const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
  return `${months[Number(match[2]) - 1] || match[2]} ${match[1]}`;
};

const KEYWORDS = new Set(
  ('select from where and or not in is null as on join left right inner outer full cross lateral group by order having limit offset ' +
    'fetch first next rows row only with recursive union all distinct case when then else end between like ilike exists any some ' +
    'asc desc nulls last interval over partition filter within cast extract using values true false similar to escape').split(' ')
);

const CLAUSES = new Set('from where group order having limit union left right inner full cross join'.split(' '));
const JOINING = new Set('left right inner full cross outer'.split(' '));

parts.Sql ??= function Sql({ text }) {
  const tokens = text.split(/('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\b\d+(?:\.\d+)?\b|\b[A-Za-z_]\w*\b)/);
  // A query of one line is laid out by its clauses; one that was written on several keeps them.
  const oneLine = !text.trim().includes('\n');
  let depth = 0;
  let before = '';
  const draw = (token, at) => {
    const word = token.toLowerCase();
    if (at % 2 === 0) {
      depth += (token.match(/\(/g) || []).length - (token.match(/\)/g) || []).length;
      return token;
    }
    const starts = oneLine && at > 1 && depth === 0 && CLAUSES.has(word) && !JOINING.has(before);
    before = word;
    const kind = /^'/.test(token) ? 'tt-sql-text' : /^\d/.test(token) ? 'tt-sql-number' : KEYWORDS.has(word) ? 'tt-sql-word' : null;
    return <span key={at} className={kind}>{starts ? '\n' : ''}{token}</span>;
  };
  return <code>{tokens.map(draw)}</code>;
};

parts.Query ??= function Query({ sql }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(sql);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="tt-query">
      <button className="tt-copy" onClick={copy}>{copied ? 'Copied' : 'Copy'}</button>
      <pre><parts.Sql text={sql} /></pre>
    </div>
  );
};

parts.useWidth ??= () => {
  const ref = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
};

parts.ticks ??= (low, high, wanted = 4) => {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const all = [];
  for (let at = Math.floor(low / step) * step; at <= high + step * 1e-9 || all.at(-1) < high; at += step) all.push(Number(at.toPrecision(12)));
  return all;
};

parts.short ??= (value) =>
  Math.abs(value) >= 10000
    ? value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 1 })
    : value.toLocaleString('en-US', { maximumFractionDigits: 2 });

parts.Line ??= function Line({ chart }) {
  const [ref, width] = parts.useWidth();
  const [at, setAt] = useState(null);
  const height = 200;
  const values = chart.series.flatMap((series) => series.values).filter((value) => value !== null);
  const ticks = parts.ticks(Math.min(0, ...values), Math.max(...values, 0));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const left = 8 + 7 * Math.max(...ticks.map((tick) => parts.short(tick).length));
  const count = chart.labels.length;
  const longest = Math.max(...chart.labels.map((label) => label.length));
  // Room for half a label at both ends.
  const inset = Math.min(longest * 3.2, 44);
  const x = (index) => left + inset + (count === 1 ? 0.5 : index / (count - 1)) * (width - left - 14 - 2 * inset);
  const y = (value) => 10 + (1 - (value - low) / (high - low || 1)) * (height - 34);
  const path = (line) => {
    let drawing = false;
    return line.map((value, index) => {
      if (value === null) { drawing = false; return ''; }
      const step = `${drawing ? 'L' : 'M'}${x(index).toFixed(1)},${y(value).toFixed(1)}`;
      drawing = true;
      return step;
    }).join('');
  };
  const every = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width - left - 2 * inset) / (longest * 6.5 + 10)) + 1)));
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left - left - inset) / (width - left - 14 - 2 * inset);
    setAt(Math.max(0, Math.min(count - 1, Math.round(share * (count - 1)))));
  };
  return (
    <div className="tt-chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={chart.title} onMouseMove={move} onMouseLeave={() => setAt(null)}>
          {ticks.map((tick) => (
            <g key={tick}>
              <line className="tt-grid" x1={left} x2={width - 14} y1={y(tick)} y2={y(tick)} />
              <text className="tt-axis" x={left - 6} y={y(tick) + 4} textAnchor="end">{parts.short(tick)}</text>
            </g>
          ))}
          {chart.labels.map((label, index) =>
            index % every === 0 ? (
              <text key={index} className="tt-axis" x={x(index)} y={height - 6} textAnchor="middle">{label}</text>
            ) : null
          )}
          {chart.series.map((series, index) => (
            <g key={series.name} className={`tt-series-${index % 5}`}>
              <path className="tt-line" d={path(series.values)} />
              {series.values.map((value, point) =>
                value !== null && (count <= 40 || point === at) ? (
                  <circle key={point} className="tt-point" cx={x(point)} cy={y(value)} r={point === at ? 4 : 2.5} />
                ) : null
              )}
            </g>
          ))}
          {at !== null && <line className="tt-cursor" x1={x(at)} x2={x(at)} y1={10} y2={height - 24} />}
        </svg>
      )}
      {at !== null && (
        <div className="tt-tip" style={x(at) > width / 2 ? { right: width - x(at) + 10 } : { left: x(at) + 10 }}>
          <b>{chart.labels[at]}</b>
          {chart.series.map((series, index) => (
            <div key={series.name}><i className={`tt-dot tt-series-${index % 5}`} />{series.name} {series.values[at] === null ? 'NULL' : parts.number(series.values[at])}</div>
          ))}
        </div>
      )}
      <parts.Legend chart={chart} />
    </div>
  );
};

parts.Legend ??= function Legend({ chart }) {
  if (chart.series.length < 2) return null;
  return (
    <div className="tt-legend">
      {chart.series.map((series, index) => <span key={series.name}><i className={`tt-dot tt-series-${index % 5}`} />{series.name}</span>)}
    </div>
  );
};

parts.Bars ??= function Bars({ chart }) {
  const most = Math.max(...chart.series.flatMap((series) => series.values).map((value) => Math.abs(value ?? 0)), 1e-9);
  return (
    <div className="tt-chart">
      <div className="tt-bars" role="img" aria-label={chart.title}>
        {chart.labels.map((label, row) =>
          chart.series.map((series, index) => {
            const value = series.values[row];
            return (
              <div className="tt-bar-row" key={`${row}-${index}`} title={`${label}: ${value === null ? 'NULL' : parts.number(value)}`}>
                <span className="tt-bar-label">{index === 0 ? label : ''}</span>
                <span className="tt-bar-track">
                  <span className={`tt-bar tt-series-${index % 5}${value < 0 ? ' tt-negative' : ''}`} style={{ width: `${(Math.abs(value ?? 0) / most) * 100}%` }} />
                </span>
                <span className="tt-bar-value">{value === null ? 'NULL' : parts.number(value, chart.decimals)}</span>
              </div>
            );
          })
        )}
      </div>
      <parts.Legend chart={chart} />
    </div>
  );
};

parts.Table ??= function Table({ card, act }) {
  // Below a chart a few rows do; two rows over a page are no reason to turn it.
  const usual = card.chart ? 5 : 10;
  const size = card.total <= usual + 2 ? card.total : usual;
  const [page, setPage] = useState(0);
  const [more, setMore] = useState([]);
  const [waiting, setWaiting] = useState(false);
  const rows = [...card.rows, ...more];
  const pages = Math.max(1, Math.ceil(card.total / size));
  const decimals = card.columns.map((column, at) => parts.decimals(column, card.rows, at));
  const go = async (to) => {
    const last = Math.min((to + 1) * size, card.total);
    let have = rows;
    setWaiting(true);
    try {
      while (have.length < last) {
        const answer = await act({ name: 'rows', payload: { card: card.id, start: have.length } });
        if (!answer?.response?.rows?.length) break;
        have = [...have, ...answer.response.rows];
      }
      setMore(have.slice(card.rows.length));
      setPage(to);
    } finally {
      setWaiting(false);
    }
  };
  const shown = rows.slice(page * size, (page + 1) * size);
  return (
    <div className="tt-table-frame">
      <div className="tt-scroll" tabIndex={card.columns.length > 4 ? 0 : undefined}>
        <table className="tt-table" aria-label={card.chart?.title || card.columns.map((column) => column.label).join(', ')}>
          <thead>
            <tr>{card.columns.map((column, at) => <th key={at} className={column.family === 'number' ? 'tt-right' : ''} title={`${column.name}, ${column.family}`}>{column.label}</th>)}</tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={page * size + index}>
                {row.map((value, at) => {
                  const text = parts.cell(value, card.columns[at], decimals[at]);
                  return (
                    <td key={at} className={card.columns[at].family === 'number' ? 'tt-right' : ''} title={value === null ? 'no value' : String(value)}>
                      {value === null ? <span className="tt-null">NULL</span> : <span className="tt-cell">{text}</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {pages > 1 && (
        <div className="tt-pager">
          <button disabled={page === 0 || waiting} onClick={() => go(page - 1)} aria-label="Previous page">‹</button>
          <span>{(page * size + 1).toLocaleString('en-US')}–{Math.min((page + 1) * size, card.total).toLocaleString('en-US')} of {card.total.toLocaleString('en-US')}</span>
          <button disabled={page >= pages - 1 || waiting} onClick={() => go(page + 1)} aria-label="Next page">›</button>
        </div>
      )}
    </div>
  );
};

parts.Figure ??= function Figure({ card }) {
  const column = card.columns[0];
  const value = card.rows[0][0];
  const decimals = parts.decimals(column, card.rows, 0);
  return (
    <div className="tt-figure">
      <div className={column.family === 'number' ? 'tt-figure-value' : 'tt-figure-value tt-figure-text'} title={String(value)}>{value === null ? 'NULL' : parts.cell(value, column, decimals)}</div>
      <div className="tt-figure-name">{column.label}</div>
    </div>
  );
};

// One row of many columns is read downwards, above all on a phone.
parts.Row ??= function Row({ card }) {
  return (
    <dl className="tt-record">
      {card.columns.map((column, at) => {
        const value = card.rows[0][at];
        return (
          <div key={at}>
            <dt title={`${column.name}, ${column.family}`}>{column.label}</dt>
            <dd title={value === null ? 'no value' : String(value)}>
              {value === null ? <span className="tt-null">NULL</span> : parts.cell(value, column, parts.decimals(column, card.rows, at))}
            </dd>
          </div>
        );
      })}
    </dl>
  );
};

parts.Result ??= function Result({ card, act, say }) {
  const [open, setOpen] = useState(null);
  const [told, setTold] = useState(null);
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(card.verified);
  const [liked, setLiked] = useState(card.liked);
  const run = async (name, payload = {}) => {
    setBusy(true);
    setTold(null);
    try {
      const answer = await act({ name, payload: { card: card.id, ...payload } });
      if (answer?.response?.error) setTold({ text: answer.response.error, bad: true });
      else if (answer?.response?.text) setTold({ text: answer.response.text });
      return answer?.response && !answer.response.error;
    } catch {
      setTold({ text: 'The server did not answer. Try again in a moment.', bad: true });
      return false;
    } finally {
      setBusy(false);
    }
  };
  const rate = async (value) => (await run('rate', { liked: liked === value ? null : value })) && setLiked(liked === value ? null : value);
  if (card.error)
    return (
      <div className="tt-card">
        <div className="tt-bad">{card.error}</div>
        {card.sql && <parts.Query sql={card.sql} />}
        {card.slow && !saved && (
          <div className="tt-choices">
            <button className="tt-chip tt-main" disabled={busy} onClick={async () => (await run('wait')) && setSaved(true)}>Run it in the background</button>
          </div>
        )}
        {told && <div className={told.bad ? 'tt-bad' : 'tt-note'} role="status">{told.text}</div>}
      </div>
    );
  const one = card.total === 1 && card.columns.length === 1;
  const figure = card.chart?.kind === 'figure' || one;
  const row = card.total === 1 && card.columns.length > 4;
  const toggle = (name) => setOpen(open === name ? null : name);
  return (
    <div className="tt-card tt-result" data-query={card.query_id} role="group" aria-label={`Answer from ${card.database}`}>
      {card.badge && <div className={`tt-badge tt-badge-${card.badge.kind}`} title={card.badge.detail || ''}>{card.badge.text}</div>}
      {figure && <parts.Figure card={card} />}
      {card.chart?.kind === 'line' && <parts.Line chart={card.chart} />}
      {card.chart?.kind === 'bar' && <parts.Bars chart={card.chart} />}
      {row && <parts.Row card={card} />}
      {!figure && !row && card.total > 0 && <parts.Table card={card} act={act} />}
      {!figure && card.total === 0 && <div className="tt-empty">No rows match.</div>}
      {card.cut.map((line) => <div className="tt-note" key={line}>{line}</div>)}
      {card.warnings.map((line) => <div className="tt-warn" key={line}>{line}</div>)}
      {card.read_as && <div className="tt-read">Read as: {card.read_as}</div>}
      {card.assumptions.map((line) => <div className="tt-read" key={line}>Assumed: {line}</div>)}
      {card.notes.map((line) => <div className="tt-read" key={line}>Uses a note: {line}</div>)}
      {card.alternatives.length > 0 && (
        <div className="tt-choices"><span className="tt-quiet">Or did you mean</span>
          {card.alternatives.map((choice) => <button key={choice.message} className="tt-chip" onClick={() => say(choice.message)}>{choice.label}</button>)}
        </div>
      )}
      <div className="tt-foot">
        <span className="tt-facts">
          {[card.database, card.tables.join(', '), parts.plural(card.total, 'row') + (card.truncated ? ' shown' : ''), parts.duration(card.milliseconds)].filter(Boolean).join(' · ')}
          {card.confidence !== null && (
            <> · <button className="tt-link" aria-expanded={open === 'why'} title={card.reasons.join('\n')} onClick={() => toggle('why')}>confidence {card.confidence.toFixed(2)}</button></>
          )}
        </span>
        <span className="tt-actions">
          {card.sql && <button onClick={() => toggle('sql')} aria-expanded={open === 'sql'}>{open === 'sql' ? 'Hide SQL' : 'Show SQL'}</button>}
          <a href={`/files/queries/${card.query_id}.csv`} download>CSV</a>
          <a href={`/files/queries/${card.query_id}.xlsx`} download>XLSX</a>
          <button disabled={busy} onClick={() => run('rerun')}>Run again</button>
          {!card.saveable ? null : saved
            ? <span className="tt-quiet">Saved as verified</span>
            : <button disabled={busy} onClick={async () => (await run('verify')) && setSaved(true)}>Save as verified</button>}
          <span className="tt-thumbs">
            <button aria-label="Right" aria-pressed={liked === true} title="This is right" onClick={() => rate(true)}><ThumbsUp size={14} /></button>
            <button aria-label="Wrong" aria-pressed={liked === false} title="This is wrong" onClick={() => rate(false)}><ThumbsDown size={14} /></button>
          </span>
        </span>
      </div>
      {told && <div className={told.bad ? 'tt-bad' : 'tt-note'} role="status">{told.text}</div>}
      {open === 'why' && <ul className="tt-reasons">{card.reasons.map((reason) => <li key={reason}>{reason}</li>)}</ul>}
      {open === 'sql' && <parts.Query sql={card.sql} />}
    </div>
  );
};

export default <parts.Result card={props} act={callAction} say={sendUserMessage} />;
