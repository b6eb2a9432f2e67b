"""Long lists in pages: so many items, and the cursor of the next page in the body and in the Link header."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from tools.errors import Invalid

Item = TypeVar("Item")

LONGEST = 200


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Item, ...]
    next: str | None = None
    """Give it as `after` for the next page; null on the last one."""
    total: int | None = None
    """How many there are in all, where that is known without counting."""


class Paging:
    """Which part of a list is asked for."""

    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=LONGEST, description="Items of a page, at most.")] = 50,
        after: Annotated[str | None, Query(max_length=100, description="The `next` of the page before.")] = None,
    ) -> None:
        """Read the page's bounds from the request."""
        self._request, self._response = request, response
        self.limit, self.after = limit, after

    def number(self) -> int | None:
        """The cursor as the number it is in this list; None at the beginning."""
        if self.after is None:
            return None
        if not self.after.isascii() or not self.after.isdecimal() or len(self.after) > 18:
            raise self._lost()
        return int(self.after)

    def identity(self) -> UUID | None:
        """The cursor as the id it is in this list; None at the beginning."""
        try:
            return None if self.after is None else UUID(self.after)
        except ValueError:
            raise self._lost() from None

    def _lost(self) -> Invalid:
        return Invalid(f"No page begins after {self.after!r}; give the `next` of the page before.")

    def whole(self, items: Sequence[Item]) -> Page[Item]:
        """A page of a list that is at hand as a whole."""
        start = self.number() or 0
        end = start + self.limit
        return self.page(items[start:end], str(end) if end < len(items) else None, len(items))

    def page(self, items: Sequence[Item], following: str | None, total: int | None = None) -> Page[Item]:
        """A page with the cursor of the one behind it."""
        if following is not None:
            link = self._request.url.include_query_params(after=following, limit=self.limit)
            self._response.headers["Link"] = f'<{link.path}?{link.query}>; rel="next"'
        return Page(items=tuple(items), next=following, total=total)

    def cut(self, items: Sequence[Item], following: str | None) -> Page[Item]:
        """A page of a list of which one more item than the limit was read: that one says there is a next page."""
        return self.page(items[: self.limit], following if len(items) > self.limit else None)


Paged = Annotated[Paging, Depends()]
