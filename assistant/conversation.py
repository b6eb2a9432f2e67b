"""One turn of a conversation: history and message in, events out, history saved; every door enters here."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast
from uuid import uuid4

from pydantic import TypeAdapter
from pydantic_ai import (
    AgentRunResultEvent,
    DeferredToolRequests,
    DeferredToolResults,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolDenied,
    ToolReturnPart,
)
from pydantic_ai.agent import AgentRunEvents
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.models import Model
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from assistant.agent import agent, choose_model, limits, model_settings
from assistant.approvals import consequence
from assistant.events import (
    ApprovalNeeded,
    Done,
    Event,
    Failed,
    PendingCall,
    Shown,
    TextDelta,
    ToolCalled,
    ToolReturned,
)
from assistant.offline.model import OfflineModel
from tools import audit, databases, metrics
from tools.cards import Card
from tools.desk import Desk
from tools.errors import AssistantError, ModelUnavailable, NotFound
from tools.store.models import ConversationRow, TurnRow
from tools.toolbox import Actor, Toolbox

log = logging.getLogger(__name__)

SUMMARY = 400
"""Characters of a tool's answer that a door may show."""

CARD: TypeAdapter[Card] = TypeAdapter(Card)


async def run(
    box: Toolbox,
    actor: Actor,
    message: str | None,
    *,
    database: str | None = None,
    approvals: Mapping[str, bool] | None = None,
    page: Any = None,
    language: str = "",
) -> AsyncIterator[Event]:
    """Carry out one turn in the conversation `actor.conversation_id` (a new one when it is None).

    Give `message`, or `approvals` (call id -> yes or no) to answer an ApprovalNeeded; a `database` that is named is
    from then on the one the conversation is about. `page` is what a page around the chat tells of itself, `language`
    what to answer in where the person's own is not known. Errors raised on purpose end the turn as a Failed event;
    what was done until then is saved, also when the consumer stops early.
    """
    actor = actor if actor.conversation_id else actor.model_copy(update={"conversation_id": uuid4().hex})
    turn = _Turn(box, actor, message, approvals or {}, database)
    turn.desk.page, turn.desk.language = page, language
    try:
        async for event in turn.events():
            yield event
    except AssistantError as error:
        turn.count("failed")
        yield Failed(title=error.title, message=str(error), status=error.status)
    except UsageLimitExceeded:
        turn.count("stopped")
        yield Failed(
            title="Stopped",
            message=f"The model did not come to an answer within {box.settings.model_requests} requests and was "
            "stopped. Ask for one thing at a time, or raise TABLETALK_MODEL_REQUESTS.",
            status=ModelUnavailable.status,
        )


class _Turn:
    """The state of one turn while it runs."""

    def __init__(
        self,
        box: Toolbox,
        actor: Actor,
        message: str | None,
        approvals: Mapping[str, bool],
        database: str | None,
    ) -> None:
        self.box, self.actor, self.message, self.approvals, self.database = box, actor, message, approvals, database
        self.desk = Desk(box, actor, question=message or "")
        self.pending: dict[str, Any] = {}
        self.history: list[ModelMessage] = []
        self.started = time.perf_counter()

    async def events(self) -> AsyncIterator[Event]:
        await self._load()
        offline = OfflineModel(self.desk)
        model = self._model() or offline
        try:
            async for event in self._stream(model):
                yield event
        except (ModelAPIError, FallbackExceptionGroup, UnexpectedModelBehavior, TimeoutError) as error:
            if model is offline:
                raise
            reason = _reason(error)
            log.warning("model %s did not answer: %s", model.model_name, reason)
            yield TextDelta(text=f"The model {model.model_name} did not answer ({reason}); answering offline.\n\n")
            try:
                async for event in self._stream(offline):
                    yield event
            except UnexpectedModelBehavior as again:
                raise ModelUnavailable(f"The model {model.model_name} did not answer ({reason}).") from again

    async def _stream(self, model: Model) -> AsyncIterator[Event]:
        # After a model that died midway the message already stands at the end of the history.
        answered = bool(self.history) and isinstance(self.history[-1], ModelRequest)
        run_events = agent().run_stream_events(
            None if answered else self.message,
            message_history=self.history,
            deferred_tool_results=self._decisions(),
            deps=self.desk,
            model=model,
            model_settings=model_settings(self.box.settings),
            usage_limits=limits(self.box.settings),
        )
        async with run_events as events:
            try:
                async for event in events:
                    if isinstance(event, AgentRunResultEvent):
                        output = event.result.output
                        self.pending = {}
                        if isinstance(output, DeferredToolRequests):
                            self.pending = {call.tool_call_id: call.tool_name for call in output.approvals}
                            yield ApprovalNeeded(calls=tuple([await self._describe(call) for call in output.approvals]))
                    else:
                        for translated in _translate(event):
                            yield translated
            finally:
                # A person who stops a turn, or a model that dies in it, loses nothing of what was said.
                done = await asyncio.shield(self._save(model, events))
        yield done

    def _model(self) -> Model | None:
        """The configured model, made once per toolbox: its HTTP client takes 80 ms and keeps its connections."""
        settings = self.box.settings
        key = ("model", settings.model, settings.openai_base_url, settings.openai_api_key)
        made: Model | None = self.box.memo.get(key, 0)
        if made is None:
            made = choose_model(settings)
            self.box.memo.put(key, 0, made)
        return made

    def _decisions(self) -> DeferredToolResults | None:
        """What the person said to the calls that waited; a new message instead of a word means no."""
        if not self.pending:
            return None
        denied = ToolDenied("The person did not approve this; nothing was done.")
        return DeferredToolResults(
            approvals={call: True if self.approvals.get(call) else denied for call in self.pending}
        )

    async def _describe(self, call: ToolCallPart) -> PendingCall:
        args = call.args_as_dict()
        words = await consequence(self.box, self.actor, call.tool_name, args)
        return PendingCall(id=call.tool_call_id, tool=call.tool_name, args=args, consequence=words)

    async def _load(self) -> None:
        if self.database is not None:
            self.database = (await databases.get(self.box, self.actor, self.database)).name
        state, self.history = await _history(self.box, self.actor)
        self.desk.database = state.get("database")
        self.desk.memory = state.get("memory", {})
        if self.database is not None:
            self.desk.database = self.database
            self.desk.memory = {**self.desk.memory, "databases": [self.database]}
        self.pending = state.get("pending", {})
        unknown = set(self.approvals) - set(self.pending)
        if unknown:
            raise NotFound(f"Nothing waits for approval under {', '.join(sorted(unknown))!r}; it was answered before.")
        for call, yes in self.approvals.items():
            await audit.record(self.box, audit.noted(self.actor, "approve" if yes else "decline", self.pending[call]))

    async def _save(self, model: Model, events: AgentRunEvents[Any]) -> Done:
        messages = events.all_messages()[len(self.history) :]
        responses = [message for message in messages if isinstance(message, ModelResponse)]
        usage = events.usage
        done = Done(
            model=responses[-1].model_name or model.model_name if responses else model.model_name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=_cost(responses),
            milliseconds=(time.perf_counter() - self.started) * 1000,
            suggestions=self.desk.suggestions,
        )
        state = {"database": self.desk.database, "memory": self.desk.memory, "pending": self.pending}
        async with self.box.store.begin(self.actor.workspace_id) as session:
            await session.execute(
                update(ConversationRow)
                .where(ConversationRow.id == self.actor.conversation_id)
                .values(state=state, updated_at=func.now())
            )
            session.add(
                TurnRow(
                    workspace_id=self.actor.workspace_id,
                    created_by=self.actor.user_id,
                    conversation_id=cast(str, self.actor.conversation_id),
                    messages=ModelMessagesTypeAdapter.dump_python(messages, mode="json"),
                    model=done.model,
                    input_tokens=done.input_tokens,
                    output_tokens=done.output_tokens,
                    cost=done.cost,
                )
            )
        self.history = events.all_messages()
        self.count("done", done)
        return done

    def count(self, outcome: str, done: Done | None = None) -> None:
        """Keep figures of how the turn ended."""
        model = done.model if done else self.box.settings.model or "offline"
        metrics.turns.labels(self.actor.door, model, outcome).inc()
        if done is not None:
            metrics.turn_seconds.labels(model).observe(done.milliseconds / 1000)
            metrics.tokens.labels(model, "in").inc(done.input_tokens)
            metrics.tokens.labels(model, "out").inc(done.output_tokens)


async def _history(box: Toolbox, actor: Actor) -> tuple[dict[str, Any], list[ModelMessage]]:
    """The conversation's state and messages; makes the conversation when it is new, NotFound when another's."""
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(
            insert(ConversationRow)
            .values(id=actor.conversation_id, workspace_id=actor.workspace_id, created_by=actor.user_id)
            .on_conflict_do_nothing()
        )
        state = await session.scalar(
            select(ConversationRow.state).where(
                ConversationRow.id == actor.conversation_id,
                ConversationRow.workspace_id == actor.workspace_id,
                ConversationRow.created_by == actor.user_id,
            )
        )
        if state is None:
            raise NotFound(f"No conversation {actor.conversation_id!r}; it may have been deleted. Start a new one.")
        turns = await session.scalars(
            select(TurnRow.messages)
            .where(TurnRow.conversation_id == actor.conversation_id)
            .order_by(TurnRow.id.desc())
            .limit(box.settings.history_turns)
        )
        saved: Sequence[list[Any]] = turns.all()
    return state, ModelMessagesTypeAdapter.validate_python([message for turn in reversed(saved) for message in turn])


def _translate(event: object) -> list[Event]:
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return [TextDelta(text=text)] if text else []
        case FunctionToolCallEvent(part=part):
            return [ToolCalled(id=part.tool_call_id, name=part.tool_name, args=part.args_as_dict())]
        case FunctionToolResultEvent(part=ToolReturnPart() as part):
            summary = part.model_response_str()
            returned = ToolReturned(
                id=part.tool_call_id,
                name=part.tool_name,
                ok=part.outcome == "success",
                summary=summary if len(summary) <= SUMMARY else summary[: SUMMARY - 1] + "…",
            )
            cards = (part.metadata or {}).get("cards", []) if isinstance(part.metadata, dict) else []
            return [returned, *(Shown(card=CARD.validate_python(card)) for card in cards)]
    return []


def _cost(responses: Sequence[ModelResponse]) -> float | None:
    """US dollars of these responses; None when a price is not known (a local or the offline model)."""
    try:
        return float(sum(response.cost().total_price for response in responses))
    except (LookupError, ValueError, AssertionError):
        return None


def _reason(error: Exception) -> str:
    first = error.exceptions[0] if isinstance(error, FallbackExceptionGroup) else error
    text = str(first) or type(first).__name__
    return text.splitlines()[0][:200]
