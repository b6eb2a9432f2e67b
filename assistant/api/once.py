"""Idempotency keys: a request sent again within a day answers what it answered the first time, and does nothing."""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from assistant.api import streams
from assistant.api.person import Box, Person
from tools.connectors.base import Frozen
from tools.errors import Conflict, Invalid
from tools.store.models import ReplyRow
from tools.toolbox import Actor, Toolbox

KEPT = timedelta(hours=24)


class Claim(Frozen):
    """A key under which a request is being carried out."""

    actor: Actor
    key: str


class Replayed(Exception):
    """The request was answered before: this is what it got."""

    def __init__(self, status: int, body: str) -> None:
        """Take the answer as it was kept."""
        super().__init__(status)
        self.status, self.body = status, body

    def response(self) -> Response:
        """The same answer, marked as one that was given before."""
        headers = {"Idempotency-Replayed": "true"}
        return Response(self.body or None, self.status, headers, media_type="application/json" if self.body else None)


async def once(
    request: Request,
    box: Box,
    person: Person,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            pattern=r"^[\x21-\x7e]+$",
            description="Yours to choose; sent again with the same request, nothing is done twice.",
        ),
    ] = None,
) -> None:
    """Claim the request's key; Replayed when it was answered before, Conflict while it is being carried out."""
    if key is None:
        return
    if streams.wanted(request):
        raise Invalid("A stream cannot be given twice: leave out the Idempotency-Key, or ask for JSON.")
    parts = (request.method, request.url.path, request.url.query)
    digest = hashlib.sha256("\n".join(parts).encode() + b"\n" + await request.body()).hexdigest()
    await _claim(box, person, key, digest)
    request.state.claim = Claim(actor=person, key=key)


Once = Depends(once)


class KeepingRoute(APIRoute):
    """A route that keeps its answer when the request claimed a key; an error frees the key again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def keeping(request: Request) -> Response:
            response: Response | None = None
            try:
                response = await handle(request)
            except Replayed as before:
                return before.response()
            finally:
                claim: Claim | None = getattr(request.state, "claim", None)
                if claim is not None:
                    await _keep(request.app.state.box, claim, response)
            return response

        return keeping


async def _claim(box: Toolbox, actor: Actor, key: str, digest: str) -> None:
    # One that was never answered was cut off with its process; it is taken over once it cannot be running any more.
    dead = timedelta(seconds=2 * box.settings.request_seconds)
    over = or_(
        ReplyRow.at < func.now() - KEPT,
        (ReplyRow.status.is_(None)) & (ReplyRow.at < func.now() - dead),
    )
    mine = (ReplyRow.workspace_id == actor.workspace_id, ReplyRow.user_id == actor.user_id, ReplyRow.key == key)
    new = insert(ReplyRow).values(workspace_id=actor.workspace_id, user_id=actor.user_id, key=key, digest=digest)
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(delete(ReplyRow).where(over))
        claimed = await session.scalar(new.on_conflict_do_nothing().returning(ReplyRow.key))
        before = None if claimed else (await session.scalars(select(ReplyRow).where(*mine))).one_or_none()
    if claimed:
        return
    if before is not None and before.digest != digest:
        raise Invalid(f"The Idempotency-Key {key!r} was used for another request; choose a new one.")
    if before is None or before.status is None:
        raise Conflict(f"The request with the Idempotency-Key {key!r} is still being carried out; try again later.")
    raise Replayed(before.status, before.body or "")


async def _keep(box: Toolbox, claim: Claim, response: Response | None) -> None:
    """Keep what was answered; free the key when there was an error, so that trying again is possible."""
    actor = claim.actor
    mine = (
        ReplyRow.workspace_id == actor.workspace_id,
        ReplyRow.user_id == actor.user_id,
        ReplyRow.key == claim.key,
    )
    async with box.store.begin(actor.workspace_id) as session:
        if response is None or response.status_code >= 400:
            await session.execute(delete(ReplyRow).where(*mine))
        else:
            body = bytes(response.body).decode()
            await session.execute(update(ReplyRow).where(*mine).values(status=response.status_code, body=body))
