// One job or a board of them: a live bar, what is being done, what came of it. Drawn from the job rows.
import { useEffect, useState } from 'react';

const parts = (globalThis.tabletalk ??= {});

parts.ago ??= (iso) => {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  const steps = [[60, 1, 'second'], [3600, 60, 'minute'], [86400, 3600, 'hour'], [Infinity, 86400, 'day']];
  const [, unit, word] = steps.find(([limit]) => seconds < limit);
  const count = Math.max(1, Math.round(seconds / unit));
  return seconds < 2 ? 'just now' : `${count} ${word}${count === 1 ? '' : 's'} ago`;
};

parts.Job ??= function Job({ job, card, act }) {
  const [told, setTold] = useState(null);
  const [asked, setAsked] = useState(null);
  const run = async (name) => {
    setAsked(name);
    setTold(null);
    try {
      const answer = await act({ name, payload: { card: card.id, job: job.id } });
      if (answer?.response?.error) setTold(answer.response.error);
    } catch {
      setTold('The server did not answer. Try again in a moment.');
    } finally {
      setAsked(null);
    }
  };
  return (
    <div className={`tt-job tt-job-${job.state}`} data-job={job.id} data-state={job.state}>
      <div className="tt-job-head">
        <span className="tt-job-title">{job.title}</span>
        <span className="tt-quiet" title={job.exact}>#{job.id} · {job.state_words}{job.live ? '' : ` ${parts.ago(job.at)}`}</span>
        <span className="tt-job-buttons">
          {job.can_cancel && <button disabled={asked !== null} onClick={() => run('cancel_job')}>{asked === 'cancel_job' ? 'Cancelling' : 'Cancel'}</button>}
          {job.can_retry && <button disabled={asked !== null} onClick={() => run('retry_job')}>{asked === 'retry_job' ? 'Starting' : 'Retry'}</button>}
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
      {job.counts && <div className="tt-quiet">{job.counts}</div>}
      {job.reason && <div className={job.state === 'failed' ? 'tt-bad' : 'tt-warn'}>{job.reason}</div>}
      {told && <div className="tt-bad" role="status">{told}</div>}
    </div>
  );
};

parts.Jobs ??= function Jobs({ card, act }) {
  const live = card.jobs.some((job) => job.live);
  // Progress is pushed. After ten silent seconds look once: a connection that was away has missed something.
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(async () => {
      const reachable = await fetch('/healthz').then((answer) => answer.ok, () => false);
      if (reachable && !document.hidden) await act({ name: 'look', payload: { card: card.id } }).catch(() => {});
    }, 10000);
    return () => clearInterval(timer);
  }, [card]);
  const failed = card.jobs.filter((job) => job.can_retry);
  const retryAll = () => failed.forEach((job) => act({ name: 'retry_job', payload: { card: card.id, job: job.id } }));
  return (
    <div className="tt-card tt-jobs">
      {card.jobs.map((job) => <parts.Job key={job.id} job={job} card={card} act={act} />)}
      {card.jobs.length === 0 && <div className="tt-empty">No jobs.</div>}
      {failed.length > 1 && <div className="tt-choices"><button className="tt-chip" onClick={retryAll}>Retry all {failed.length}</button></div>}
    </div>
  );
};

export default <parts.Jobs card={props} act={callAction} />;
