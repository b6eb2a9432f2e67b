// What changed in a database, behind one button: a line for each change, and the verified queries that fail now.
import { useState } from 'react';

const parts = (globalThis.tabletalk ??= {});

parts.Drift ??= function Drift({ card }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="tt-facts-list tt-drift">
      <div className="tt-choices">
        <button className="tt-chip" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide difference' : 'See difference'}</button>
      </div>
      {open && (
        <>
          <div className="tt-title">{card.title}</div>
          <div className="tt-table-frame"><div className="tt-scroll">
            <table className="tt-table">
              <thead><tr><th>Table</th><th>Change</th><th>Columns</th></tr></thead>
              <tbody>{card.rows.map((row) => (
                <tr key={`${row.table} ${row.how}`}>
                  <td>{row.table}</td>
                  <td>{row.how}</td>
                  <td className="tt-wraps">{row.what.map((column) => <div key={column}>{column}</div>)}</td>
                </tr>
              ))}</tbody>
            </table>
          </div></div>
          {card.broken.length > 0 && <div className="tt-title">{card.broken.length === 1 ? '1 verified query fails now' : `${card.broken.length} verified queries fail now`}</div>}
          {card.broken.map((one) => (
            <div key={one.question} className="tt-job-table tt-table-failed">
              <span className="tt-job-table-name">{one.question}</span>
              <div className="tt-bad">{one.reason}</div>
            </div>
          ))}
        </>
      )}
    </div>
  );
};

export default <parts.Drift card={props} />;
