// A small table of facts; every cell came ready to read.
import { useState } from 'react';

const parts = (globalThis.tabletalk ??= {});
const LINES = 20;
const LONG = 26;

parts.Facts ??= function Facts({ card }) {
  const [all, setAll] = useState(false);
  const rows = all ? card.rows : card.rows.slice(0, LINES);
  // What is short stays on its line; what is long may take three.
  const wraps = card.columns.map((_, at) => card.rows.some((row) => row[at].length > LONG));
  const kind = (at) => (numeric[at] ? 'tt-right' : wraps[at] ? 'tt-wraps' : '');
  const numeric = card.columns.map((_, at) => card.rows.some((row) => row[at]) && card.rows.every((row) => /^[\d,.\s%-]*$/.test(row[at])));
  return (
    <div className="tt-facts-list">
      {card.title && <div className="tt-title">{card.title}</div>}
      {card.rows.length === 0
        ? <div className="tt-empty">Nothing yet.</div>
        : <div className="tt-table-frame"><div className="tt-scroll">
            <table className="tt-table">
              <thead><tr>{card.columns.map((name, at) => <th key={at} className={numeric[at] ? 'tt-right' : ''}>{name}</th>)}</tr></thead>
              <tbody>{rows.map((row, index) => (
                <tr key={index}>{row.map((value, at) => <td key={at} className={kind(at)} title={value}><span className="tt-cell">{value}</span></td>)}</tr>
              ))}</tbody>
            </table>
          </div></div>}
      {card.rows.length > LINES && <button className="tt-link" onClick={() => setAll(!all)}>{all ? `Show the first ${LINES}` : `Show all ${card.rows.length}`}</button>}
    </div>
  );
};

export default <parts.Facts card={props} />;
