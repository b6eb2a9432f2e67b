"""Widget keys: which pages may show the chat, whose data their users see, and how it looks there."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from assistant import embed
from assistant.api.bodies import Body
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from assistant.embed import Look, NewWidgetKey, WidgetKey
from tools.toolbox import Role

router = APIRouter(prefix="/widget-keys", tags=["widget keys"])

Key = Annotated[str, Path(max_length=100, description="The key itself, or its name.")]


class WidgetKeyWanted(Body):
    """A key for pages to make."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "example": {"name": "portal", "origins": ["https://portal.example.com"], "tables": ["shop.orders"]}
        },
    )

    name: str = Field(max_length=200)
    origins: tuple[str, ...] = Field(max_length=50)
    """Pages that may: scheme and host, `https://*.example.com` for all below one."""
    tables: tuple[str, ...] = Field(max_length=200)
    """What its users see: `shop`, `shop.orders`, `shop.stock_*`."""
    role: Role = "viewer"
    """viewer or editor."""
    look: Look = Look()
    anonymous_daily: int = Field(default=0, ge=0, le=100_000, strict=True)
    """Questions a day of all visitors without a token."""


@router.get("")
async def list_widget_keys(box: Box, person: Person, paging: Paged) -> Page[WidgetKey]:
    """List the widget keys of the workspace, the newest first, those that are revoked too."""
    return paging.whole(await embed.list_keys(box, person))


@router.post("", status_code=201)
async def create_widget_key(box: Box, person: Person, body: WidgetKeyWanted, response: Response) -> NewWidgetKey:
    """Make a key; its secret, for the page's server, is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    return await embed.create_key(
        box,
        person,
        body.name,
        body.origins,
        body.tables,
        role=body.role,
        look=body.look,
        anonymous_daily=body.anonymous_daily,
    )


@router.post("/{widget_key}/rotate")
async def rotate_widget_key(box: Box, person: Person, widget_key: Key, response: Response) -> NewWidgetKey:
    """Give a key another secret; what is signed with the old one is good no more."""
    response.headers["Cache-Control"] = "no-store"
    return await embed.rotate_key(box, person, widget_key)


@router.delete("/{widget_key}")
async def revoke_widget_key(box: Box, person: Person, widget_key: Key) -> WidgetKey:
    """End a key at once: its pages show nothing any more."""
    return await embed.revoke_key(box, person, widget_key)
