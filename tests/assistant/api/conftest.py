"""The REST API in this process, over the run's store, with a person at the other end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from assistant.api import PREFIX, Api, create_api, mount
from assistant.api.person import asking
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox


def mounted(box: Toolbox, person: Actor | None = None, settings: Settings | None = None) -> tuple[FastAPI, Api]:
    """The API below the app that serves it; with a `person`, every request is theirs."""
    api = create_api(settings or box.settings)
    api.open(box)
    if person is not None:
        api.dependency_overrides[asking] = lambda: person.model_copy(update={"door": "rest"})
    app = FastAPI()
    mount(app, api)
    return app, api


@asynccontextmanager
async def client(box: Toolbox, person: Actor | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    transport = httpx.ASGITransport(mounted(box, person)[0])
    async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost{PREFIX}", timeout=60) as opened:
        yield opened


@pytest.fixture
async def rest(toolbox: Toolbox, actor: Actor) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks for the test's person."""
    async with client(toolbox, actor) as opened:
        yield opened


@pytest.fixture
async def theirs(toolbox: Toolbox, stranger: Actor) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks for somebody of another workspace."""
    async with client(toolbox, stranger) as opened:
        yield opened
