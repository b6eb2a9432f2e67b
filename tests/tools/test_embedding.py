"""Vectors, offline and from a server that speaks the OpenAI protocol; what fails is said in words."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.embedding import OFFLINE_DIMENSION, Embedder, embed_offline
from tools.errors import ConfigurationError, ModelUnavailable
from tools.settings import Settings


class Server(ThreadingHTTPServer):
    """Embeds a text as (its length, 1), or fails as told."""

    status = 200
    asked: list[list[str]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body["input"])
        data = [{"object": "embedding", "index": i, "embedding": [len(t), 1.0]} for i, t in enumerate(body["input"])]
        answer = {
            "object": "list",
            "data": data,
            "model": body["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        if self.server.status != 200:
            answer = {"error": {"message": "scripted", "type": "error", "code": "x"}}
        payload = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(("127.0.0.1", 0), Handler)
    served.asked = []
    thread = threading.Thread(target=served.serve_forever, args=(0.05,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def remote(server: Server, **more: object) -> Embedder:
    url = f"http://127.0.0.1:{server.server_port}/v1"
    values = {"embedding_model": "openai:tiny", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-not-a-key", **more}
    return Embedder(Settings(_env_file=None, **values))  # type: ignore[arg-type]  # pydantic-settings' own


def likeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(embed_offline(one), embed_offline(other), strict=True))


def test_offline_vectors_are_unit_and_stable() -> None:
    vector = embed_offline("orders of customers")
    assert len(vector) == OFFLINE_DIMENSION
    assert sum(x * x for x in vector) == pytest.approx(1)
    assert vector == embed_offline("Orders of customers!")
    assert sum(x * x for x in embed_offline("")) == pytest.approx(1)


def test_offline_vectors_know_synonyms_and_forms() -> None:
    assert likeness("clients", "customer") > likeness("clients", "warehouse") + 0.2
    assert likeness("ordering", "orders") > likeness("ordering", "flights") + 0.2


async def test_the_offline_embedder() -> None:
    embedder = Embedder(Settings(_env_file=None))
    assert (embedder.offline, embedder.dimension) == (True, OFFLINE_DIMENSION)
    assert await embedder.embed(["orders"]) == [embed_offline("orders")]


async def test_a_remote_model_is_asked_in_batches(server: Server) -> None:
    embedder = remote(server)
    assert (embedder.name, embedder.dimension) == ("openai:tiny", None)
    vectors = await embedder.embed(["ab"] * 300)
    assert vectors == [[2.0, 1.0]] * 300
    assert embedder.dimension == 2
    assert [len(batch) for batch in server.asked] == [256, 44]


@pytest.mark.parametrize(
    ("status", "words", "passing"),
    [(401, "OPENAI_API_KEY", False), (404, "OPENAI_BASE_URL", False), (400, "HTTP 400", False)],
)
async def test_a_refusal_is_said_in_words(server: Server, status: int, words: str, passing: bool) -> None:
    server.status = status
    with pytest.raises(ModelUnavailable, match=words) as caught:
        await remote(server).embed(["x"])
    assert caught.value.passing is passing
    assert "sk-not-a-key" not in str(caught.value)


async def test_a_server_that_is_not_there() -> None:
    values = {"embedding_model": "openai:tiny", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    gone = Embedder(Settings(_env_file=None, **values))  # type: ignore[arg-type]
    with pytest.raises(ModelUnavailable, match="cannot be reached") as caught:
        await gone.embed(["x"])
    assert caught.value.passing


async def test_a_name_without_provider_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigurationError, match="TABLETALK_EMBEDDING_MODEL 'tiny'"):
        await Embedder(Settings(_env_file=None, embedding_model="tiny")).embed(["x"])
