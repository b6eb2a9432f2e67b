"""A small OpenID Connect provider that vouches for whomever the test names."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse


@dataclass
class IdentityProvider:
    """Who would sign in now, and what was asked."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def configuration() -> dict[str, str]:
            ends = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("authorization", "token", "userinfo")}
            return {"issuer": self.url, **ends}

        @app.get("/authorization")
        async def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            self.asked.append(asked)
            code = uuid4().hex
            self.codes[code] = asked["redirect_uri"]
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

        @app.post("/token")
        async def token(request: Request) -> dict[str, str]:
            sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            if sent.get("client_secret") != "client secret" or self.codes.pop(sent["code"], "") != sent["redirect_uri"]:
                raise HTTPException(401)
            return {"access_token": "good", "token_type": "Bearer"}

        @app.get("/userinfo")
        async def userinfo(request: Request) -> dict[str, Any]:
            if request.headers["authorization"] != "Bearer good":
                raise HTTPException(401)
            return self.claims

        return app


@contextmanager
def serve() -> Iterator[IdentityProvider]:
    """Run a provider on a free port of loopback."""
    provider = IdentityProvider()
    config = uvicorn.Config(provider.app(), host="127.0.0.1", port=0, log_level="warning")
    server, socket = uvicorn.Server(config), config.bind_socket()
    provider.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
