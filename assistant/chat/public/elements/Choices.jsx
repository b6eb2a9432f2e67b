// A question back to the person: each answer is a button. Approvals go to the server, other choices are said.
import { useState } from 'react';

const parts = (globalThis.tabletalk ??= {});

parts.Choices ??= function Choices({ card, say, act }) {
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState(null);
  const decide = async (approved) => {
    setBusy(true);
    setTold(null);
    try {
      const answer = await act({ name: 'decide', payload: { card: card.id, approved } });
      if (answer?.response?.error) setTold(answer.response.error);
    } catch {
      setTold('The server did not answer. Try again in a moment.');
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={card.approval ? 'tt-card tt-approval' : 'tt-asking'}>
      {card.lines.map((line) => <div key={line} className="tt-line-text">{line}</div>)}
      {card.decided
        ? <div className="tt-quiet">{card.decided}</div>
        : <div className="tt-choices">
            {card.approval && <button className="tt-chip tt-danger" disabled={busy} onClick={() => decide(true)}>{card.yes}</button>}
            {card.approval && <button className="tt-chip" disabled={busy} onClick={() => decide(false)}>{card.no}</button>}
            {card.choices.map((choice) => <button key={choice.message} className="tt-chip" onClick={() => say(choice.message)}>{choice.label}</button>)}
          </div>}
      {told && <div className="tt-bad" role="status">{told}</div>}
    </div>
  );
};

export default <parts.Choices card={props} act={callAction} say={sendUserMessage} />;
