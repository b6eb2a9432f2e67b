"""A web process and a worker in one, in which every kind of secret is used once; run by test_canary.py.

Prints, as JSON, what came back to the client; the secrets it was meant to get are left out.
"""

import asyncio
import json
import sys
from typing import Any

import httpx
from redis import Redis
from rq import SimpleWorker

from assistant import accounts, health
from assistant.observing import Observed
from tests.assistant.api.conftest import mounted
from tools import logs, telemetry
from tools.queue import QUEUES, SERIALIZER
from tools.settings import Settings, load_settings
from tools.toolbox import Toolbox, open_toolbox

PASSWORD = "canary-password-of-a-person"
DATABASE = "canary-password-of-a-database"


def main() -> None:
    """Use the secrets, and fail with them where that is possible; then run the job that was queued."""
    settings = load_settings()
    logs.configure(settings)
    telemetry.start(settings, "web")
    told, canaries = asyncio.run(_web(settings))
    assert settings.redis_url is not None
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    worker = SimpleWorker(list(QUEUES.values()), connection=redis, serializer=SERIALIZER)
    worker.work(burst=True, logging_level="WARNING")
    telemetry.stop()
    sys.stdout.write(json.dumps({"told": told, "canaries": [PASSWORD, DATABASE, *canaries]}))


async def _web(settings: Settings) -> tuple[list[str], list[str]]:
    async with open_toolbox(settings) as box:
        telemetry.watch_engine(box.store.engine)
        return await _as_a_client(box)


async def _as_a_client(box: Toolbox) -> tuple[list[str], list[str]]:
    app, _ = mounted(box)
    app.state.box = box
    app.include_router(health.router)
    app.add_middleware(Observed)
    me = await accounts.local_person(box.store)
    await accounts.add_user(box, me, "ada", PASSWORD, "admin")
    told: list[str] = []
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:

        async def send(method: str, path: str, secret: bool = False, **more: Any) -> httpx.Response:
            answer = await client.request(method, path, **more)
            told.append("" if secret else f"{answer.status_code} {answer.headers} {answer.text}")
            return answer

        login = {"name": "ada", "password": PASSWORD}
        tokens = (await send("POST", "/api/v1/auth/token", secret=True, json=login)).json()
        bearing = {"authorization": f"Bearer {tokens['access']}"}
        await send("POST", "/api/v1/auth/token", json={"name": "ada", "password": f"{PASSWORD}!"})
        await send("POST", "/api/v1/auth/token", json={"name": "ada", "password": {"x": PASSWORD}})
        wanted = {"name": "k", "scope": "admin"}
        key = (await send("POST", "/api/v1/keys", secret=True, headers=bearing, json=wanted)).json()
        keyed = {"x-api-key": key["key"]}
        await send("GET", "/api/v1/keys", headers=keyed)
        for host in ("127.0.0.1:9", "no.such.host.invalid"):
            url = f"postgresql://reader:{DATABASE}@{host}/shop"
            await send("POST", "/api/v1/databases", headers=keyed, json={"name": "shop", "url": url})
        await send("POST", "/api/v1/databases", headers=keyed, json={"name": "shop", "url": f"mysql:{DATABASE}"})
        assert box.settings.database_url is not None
        own = box.settings.database_url.get_secret_value().replace("app@", f"app:{DATABASE}@")
        await send("POST", "/api/v1/databases", headers=keyed, json={"name": "own", "url": own})
        await send("POST", "/api/v1/databases/own/ask", headers=keyed, json={"question": "how many things are there?"})
        await send("POST", "/api/v1/databases/own/query", headers=keyed, json={"sql": "select 1 as one"})
        await send("POST", "/api/v1/databases/own/query", headers=keyed, json={"sql": "select pg_sleep(1)"})
        await send("POST", "/api/v1/auth/refresh", json={"refresh": f"{tokens['refresh']}x"})
        await send("GET", "/api/v1/databases", headers={"authorization": f"Bearer {tokens['access']}x"})
        await send("GET", "/metrics")
    return told, [tokens["access"], tokens["refresh"], key["key"]]


if __name__ == "__main__":
    main()
