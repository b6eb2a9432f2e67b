// Background work: one job, several, the whole board, or schedules. Drawn from their rows; whatever moves is pushed.
import { useEffect, useRef, useState } from 'react';

const parts = (globalThis.tabletalk ??= {});
const LOST = 'The server did not answer. Try again in a moment.';

parts.span ??= (seconds) => {
  const steps = [[60, 1, 'second'], [3600, 60, 'minute'], [86400, 3600, 'hour'], [Infinity, 86400, 'day']];
  const [, unit, word] = steps.find(([limit]) => seconds < limit);
  const count = Math.max(1, Math.round(seconds / unit));
  return `${count} ${word}${count === 1 ? '' : 's'}`;
};
parts.ago ??= (iso) => {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  return seconds < 2 ? 'just now' : `${parts.span(seconds)} ago`;
};

// One button after another: `run` gives what the server answered, and keeps what it has to say.
parts.useDeed ??= (act, card) => {
  const [told, setTold] = useState(null);
  const [asked, setAsked] = useState(null);
  const run = async (name, payload) => {
    setAsked(name);
    setTold(null);
    try {
      const answer = (await act({ name, payload: { card: card.id, ...payload } }))?.response;
      if (answer?.error) setTold({ text: answer.error, bad: true });
      else if (answer?.text) setTold({ text: answer.text });
      return answer;
    } catch {
      setTold({ text: LOST, bad: true });
    } finally {
      setAsked(null);
    }
  };
  return [run, asked, told];
};
parts.Told ??= ({ told }) => (told ? <div className={told.bad ? 'tt-bad' : 'tt-note'} role="status">{told.text}</div> : null);

parts.JobTable ??= function JobTable({ table, busy, retry }) {
  return (
    <div className={`tt-job-table tt-table-${table.state}`}>
      <span className="tt-job-table-name" title={table.name}>{table.label}</span>
      <span className="tt-quiet">{[table.state, table.words, table.told].filter(Boolean).join(' · ')}</span>
      {table.can_retry && <button disabled={busy} onClick={() => retry(table.name)} aria-label={`Retry ${table.label}`}>Retry {table.label}</button>}
      {table.reason && <div className="tt-bad">{table.reason}</div>}
    </div>
  );
};

parts.Job ??= function Job({ job, card, act }) {
  const [run, asked, told] = parts.useDeed(act, card);
  const [open, setOpen] = useState(false);
  if (job.gone) return <div className="tt-job tt-quiet">{job.gone}</div>;
  const tables = job.tables || [];
  const bad = tables.filter((table) => table.reason);
  const shown = open ? tables : tables.length <= 6 ? tables : bad.slice(0, 6);
  return (
    <div className={`tt-job tt-job-${job.state}`} data-job={job.id} data-state={job.state}>
      <div className="tt-job-head">
        <span className="tt-job-title">{job.title}</span>
        <span className="tt-quiet" title={job.exact}>#{job.id} · {job.mode ? `${job.mode} · ` : ''}{job.state_words}{job.live ? '' : `, ${parts.ago(job.at)}`}</span>
        <span className="tt-job-buttons">
          {job.can_cancel && <button disabled={asked !== null} onClick={() => run('cancel_job', { job: job.id })}>{asked === 'cancel_job' ? 'Cancelling' : 'Cancel'}</button>}
          {job.can_retry && <button disabled={asked !== null} onClick={() => run('retry_job', { job: job.id })}>{asked === 'retry_job' ? 'Starting' : 'Retry'}</button>}
        </span>
      </div>
      {job.live && (
        <div className="tt-progress">
          <div className="tt-track" role="progressbar" aria-valuenow={Math.round(job.percent)} aria-valuemin="0" aria-valuemax="100" aria-label={job.title}>
            <div className="tt-fill" style={{ width: `${job.percent}%` }} />
          </div>
          <span className="tt-percent">{Math.floor(job.percent)} %</span>
          {job.amount && <span className="tt-quiet">{job.amount}</span>}
        </div>
      )}
      {job.stage && <div className="tt-quiet tt-stage">{job.stage}</div>}
      {job.counts && <div className="tt-quiet tt-counts">{job.counts}</div>}
      {shown.map((table) => <parts.JobTable key={table.name} table={table} busy={asked !== null} retry={(name) => run('retry_table', { job: job.id, table: name })} />)}
      {tables.length > shown.length && <button className="tt-link tt-more" onClick={() => setOpen(true)}>Show all {tables.length} tables</button>}
      {job.reason && <div className={job.state === 'failed' ? 'tt-bad' : 'tt-warn'}>{job.reason}</div>}
      <parts.Told told={told} />
    </div>
  );
};

parts.Schedule ??= function Schedule({ one, card, act }) {
  const [run, asked, told] = parts.useDeed(act, card);
  const [question, setQuestion] = useState(null);
  const [editing, setEditing] = useState(false);
  const [when, setWhen] = useState('');
  const busy = asked !== null;
  const remove = async (approved) => {
    const answer = await run('delete_schedule', { schedule: one.id, approved });
    setQuestion(answer?.ask || null);
  };
  const save = async (event) => {
    event.preventDefault();
    const answer = await run('change_schedule', { schedule: one.id, when });
    if (answer && !answer.error) setEditing(false);
  };
  return (
    <div className="tt-job tt-schedule" data-schedule={one.id} data-paused={one.paused}>
      <div className="tt-job-head">
        <span className="tt-job-title">{one.title}</span>
        <span className="tt-quiet" title={one.cron}>#{one.id} · {[one.when, one.only].filter(Boolean).join(', ')}</span>
        <span className="tt-job-buttons">
          {!card.fresh && <button disabled={busy} onClick={() => setEditing(!editing)}>Change</button>}
          {!card.fresh && <button disabled={busy} onClick={() => run(one.paused ? 'resume_schedule' : 'pause_schedule', { schedule: one.id })}>{one.paused ? 'Resume' : 'Pause'}</button>}
          {!card.fresh && <button disabled={busy} onClick={() => remove(false)}>Delete</button>}
        </span>
      </div>
      {one.paused
        ? <div className="tt-warn">Paused: it does not start until it is resumed.</div>
        : <div className="tt-quiet" title={one.next.map((time) => time.words).join('\n')}>next: {one.next[0]?.words}{one.next[1] ? `, then ${one.next[1].words}` : ''}</div>}
      {one.last && <div className={one.last_bad ? 'tt-warn' : 'tt-quiet'} title={one.last.words}>last: {parts.ago(one.last.at)}{one.last_words ? `, ${one.last_words}` : ''}</div>}
      {(card.lines || []).map((line) => <div key={line} className="tt-line-text">{line}</div>)}
      {card.fresh && !editing && (
        <div className="tt-choices">
          <button className="tt-chip tt-main" disabled={busy} onClick={() => run('start_schedule', { schedule: one.id })}>Start now too</button>
          <button className="tt-chip" disabled={busy} onClick={() => setEditing(true)}>Change</button>
          <button className="tt-chip" disabled={busy} onClick={() => run('settle_schedule', {})}>Not now</button>
        </div>
      )}
      {editing && (
        <form className="tt-choices tt-when" onSubmit={save}>
          <input autoFocus required value={when} onChange={(event) => setWhen(event.target.value)} placeholder="weekdays at 7:30" aria-label="When" name="tt-when" />
          <button type="submit" className="tt-chip tt-main" disabled={busy}>Save</button>
          <button type="button" className="tt-chip" onClick={() => setEditing(false)}>Keep as it is</button>
        </form>
      )}
      {question && (
        <div className="tt-choices tt-approval-line">
          <span className="tt-line-text">{question}</span>
          <button className="tt-chip tt-danger" disabled={busy} onClick={() => remove(true)}>Delete it</button>
          <button className="tt-chip" onClick={() => setQuestion(null)}>Keep</button>
        </div>
      )}
      <parts.Told told={told} />
    </div>
  );
};

parts.Section ??= function Section({ name, count, children }) {
  return (
    <section className="tt-section">
      <div className="tt-section-head"><span>{name}</span>{count > 0 && <span className="tt-quiet">{count}</span>}</div>
      {children}
    </section>
  );
};

parts.Board ??= function Board({ card, act }) {
  const [run, asked, told] = parts.useDeed(act, card);
  const list = (jobs, none) => (jobs.length === 0
    ? <div className="tt-job tt-quiet">{none}</div>
    : jobs.map((job) => <parts.Job key={job.id} job={job} card={card} act={act} />));
  return (
    <>
      <div className={`tt-board-queue ${card.queue_bad ? 'tt-warn' : 'tt-quiet'}`}>{card.queue}</div>
      <parts.Section name="Running" count={card.running.length}>{list(card.running, 'Nothing runs or waits.')}</parts.Section>
      {card.failed.length > 0 && (
        <parts.Section name="Failed" count={card.failed.length}>
          {list(card.failed)}
          {card.failed.length > 1 && <div className="tt-choices tt-job-all"><button className="tt-chip" disabled={asked !== null} onClick={() => run('retry_failed', {})}>Retry all {card.failed.length}</button></div>}
          <parts.Told told={told} />
        </parts.Section>
      )}
      <parts.Section name="Recent" count={0}>{list(card.recent, 'Nothing has run yet.')}</parts.Section>
      <parts.Section name="Schedules" count={card.schedules.length}>
        {card.schedules.length === 0
          ? <div className="tt-job tt-quiet">Nothing starts by itself. Say for instance: train shop every night at 2.</div>
          : card.schedules.map((one) => <parts.Schedule key={one.id} one={one} card={card} act={act} />)}
      </parts.Section>
    </>
  );
};

parts.Jobs ??= function Jobs({ card, act }) {
  const frame = useRef(null);
  const live = card.board || card.jobs.some((job) => job.live);
  // Changes are pushed. After ten silent seconds look once: a connection that was away has missed something.
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(async () => {
      const box = frame.current?.getBoundingClientRect();
      if (document.hidden || !box || box.bottom < 0 || box.top > innerHeight) return;
      const reachable = await fetch('/healthz').then((answer) => answer.ok, () => false);
      if (reachable) await act({ name: 'look', payload: { card: card.id } }).catch(() => {});
    }, 10000);
    return () => clearInterval(timer);
  }, [card]);
  const failed = card.jobs.filter((job) => job.can_retry);
  const retryAll = () => failed.forEach((job) => act({ name: 'retry_job', payload: { card: card.id, job: job.id } }));
  return (
    <div className="tt-card tt-jobs" ref={frame}>
      {card.board && <parts.Board card={card} act={act} />}
      {card.jobs.map((job) => <parts.Job key={job.id} job={job} card={card} act={act} />)}
      {!card.board && (card.schedules || []).map((one) => <parts.Schedule key={one.id} one={one} card={card} act={act} />)}
      {card.gone && <div className="tt-job tt-quiet">{card.gone}</div>}
      {failed.length > 1 && <div className="tt-choices tt-job-all"><button className="tt-chip" onClick={retryAll}>Retry all {failed.length}</button></div>}
    </div>
  );
};

export default <parts.Jobs card={props} act={callAction} />;
