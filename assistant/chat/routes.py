"""Chainlit's own routes: those that nothing of ours needs are closed, and the one for buttons is answered here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from tools.errors import NotFound, NotSignedIn

CLOSED = (
    "/copilot/{path:path}",  # its own widget breaks in this version; ours is /embed
    "/feedback",  # results are rated on their cards
    "/project/element",  # no browser writes a card
    "/project/file",  # nothing is uploaded
    "/project/file/{path:path}",
    "/project/share/{path:path}",  # a conversation is its person's alone
    "/project/thread/share",
    "/auth/jwt",  # a session begins at the login page, or in a frame with the page's word
    "/auth/oauth/azure-ad-hybrid/callback",
    "/docs/oauth2-redirect",
    "/redoc",
    "/health",  # ours is /healthz
)
"""Paths of Chainlit that answer 404."""


def buttons() -> APIRouter:
    """The route that a card's buttons post to: Chainlit's own fails for a session it does not know."""
    from chainlit import server  # reads the environment when it is imported
    from chainlit.auth import get_current_user
    from chainlit.session import WebsocketSession
    from chainlit.types import CallActionRequest
    from chainlit.user import PersistedUser, User

    router = APIRouter()

    @router.post("/project/action")
    async def press(
        pressed: CallActionRequest, user: Annotated[User | PersistedUser | None, Depends(get_current_user)]
    ) -> Any:
        if user is None:
            raise NotSignedIn("Sign in first.")
        session = WebsocketSession.get_by_id(pressed.sessionId)
        if session is None or session.user is None or session.user.identifier != user.identifier:
            raise NotFound("This conversation is not open here; load the page again.")
        return await server.call_action(pressed, user)

    return router


def hide_others() -> None:
    """Have Chainlit answer for another person's conversation as for one that is not there."""
    from chainlit import server
    from chainlit.data import get_data_layer

    async def is_thread_author(username: str, thread_id: str) -> bool:
        kept = get_data_layer()
        if kept is None or await kept.get_thread_author(thread_id) != username:
            raise NotFound("There is no such conversation; it may have been deleted.")
        return True

    server.is_thread_author = is_thread_author  # type: ignore[attr-defined]  # imported there, and used there
