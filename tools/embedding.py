"""Text to vectors: through pydantic-ai for a model named in the settings, else offline from words and their parts."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from math import log, sqrt
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tools.errors import ConfigurationError, ModelUnavailable
from tools.settings import Settings
from tools.vocabulary import lemma, related, vocabulary, words

if TYPE_CHECKING:
    from pydantic_ai.embeddings import Embedder as Remote

OFFLINE_DIMENSION = 512
OFFLINE_NAME = "offline-words-1"
"""Changes with the way the offline vectors are made, so that old rows are known to be old."""

_BATCH = 256
_GROUP_WEIGHT = 0.7
_RELATED_WEIGHT = 0.35
_GRAMS_WEIGHT = 0.45
_COMMON_WEIGHT = 0.35
"""What words like `id`, `name`, `code` count: they stand in nearly every table."""


class Embedder:
    """Turns texts into vectors of unit length, by the model named in `settings.embedding_model`."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is loaded or asked before the first text."""
        self._settings = settings
        self._dimension = None if settings.embedding_model else OFFLINE_DIMENSION

    @property
    def name(self) -> str:
        """The model's name, as it stands beside each stored vector."""
        return self._settings.embedding_model or OFFLINE_NAME

    @property
    def offline(self) -> bool:
        """True when vectors are made on this machine, without a model."""
        return not self._settings.embedding_model

    @property
    def dimension(self) -> int | None:
        """Numbers in a vector; None until a remote model has first answered."""
        return self._dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give one vector of `dimension` floats per text, in order; ModelUnavailable says why there is none."""
        if self.offline:
            return [embed_offline(text) for text in texts]
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            vectors.extend(await self._ask(texts[start : start + _BATCH]))
        return vectors

    async def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior

        try:
            async with asyncio.timeout(self._settings.model_timeout_seconds):
                result = await self._remote.embed_documents([text or " " for text in texts])
        except TimeoutError:
            raise self._fault(f"did not answer within {self._settings.model_timeout_seconds:g} s") from None
        except (ModelAPIError, UnexpectedModelBehavior) as error:
            raise self._refusal(error) from error
        vectors = [list(vector) for vector in result.embeddings]
        if len(vectors) != len(texts) or not all(vectors):
            raise self._fault(f"gave {len(vectors)} vectors for {len(texts)} texts")
        self._dimension = len(vectors[0])
        return vectors

    @cached_property
    def _remote(self) -> "Remote":
        from pydantic_ai.embeddings import Embedder as PydanticEmbedder
        from pydantic_ai.embeddings import infer_embedding_model
        from pydantic_ai.exceptions import UserError

        try:
            return PydanticEmbedder(infer_embedding_model(self.name, provider_factory=self._provider))
        except (ValueError, UserError, ImportError) as error:
            raise ConfigurationError(
                f"TABLETALK_EMBEDDING_MODEL {self.name!r} cannot be used: {str(error).splitlines()[0]}. "
                "Name it like 'openai:text-embedding-3-small', or leave it empty for the offline embedder."
            ) from error

    def _provider(self, kind: str) -> Any:
        from pydantic_ai.providers import infer_provider
        from pydantic_ai.providers.openai import OpenAIProvider

        if kind != "openai":
            return infer_provider(kind)
        key = self._settings.openai_api_key
        return OpenAIProvider(
            base_url=self._settings.openai_base_url, api_key=key.get_secret_value() if key is not None else None
        )

    def _refusal(self, error: Exception) -> ModelUnavailable:
        from pydantic_ai.exceptions import ModelHTTPError

        status = error.status_code if isinstance(error, ModelHTTPError) else None
        if status in (401, 403):
            return self._fault("refused the key; check OPENAI_API_KEY", passing=False)
        if status == 404:
            return self._fault("does not exist there; check the name and OPENAI_BASE_URL", passing=False)
        if status == 429:
            return self._fault("is over its quota or rate limit; try again later")
        if status is not None:
            return self._fault(f"answered with HTTP {status}", passing=status >= 500)
        return self._fault(f"cannot be reached ({str(error).splitlines()[0]}); check OPENAI_BASE_URL")

    def _fault(self, what: str, *, passing: bool = True) -> ModelUnavailable:
        error = ModelUnavailable(f"The embedding model {self.name!r} {what}.")
        error.passing = passing
        return error


def embed_offline(text: str) -> list[float]:
    """Make a unit vector of OFFLINE_DIMENSION floats from the words of `text`, their synonyms and their letters.

    Term counts are dampened by 1 + log; features are hashed with a sign, so that collisions cancel rather than add.
    """
    vector = [0.0] * OFFLINE_DIMENSION
    lists = vocabulary()
    counts = Counter(lemma(word) for word in words(text) if word not in lists.stop_words)
    for word, count in counts.items():
        weight = (1 + log(count)) * (_COMMON_WEIGHT if word in lists.common else 1.0)
        for place, amount in _features(word):
            vector[place] += weight * amount
    length = sqrt(sum(value * value for value in vector))
    if length == 0:
        vector[0] = length = 1.0  # a zero vector has no direction: the cosine distance to it is not a number
    return [value / length for value in vector]


@lru_cache(maxsize=50_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """The places one word adds to, and how much: itself, its synonym groups, related words, its letter groups."""
    lists = vocabulary()
    found = [(f"w:{word}", 1.0)]
    found += [(f"g:{group}", _GROUP_WEIGHT) for group in lists.groups.get(word, ())]
    found += [(f"w:{other}", _RELATED_WEIGHT) for other in related(word)]
    grams = tuple(_grams(word))
    found += [(f"c:{gram}", _GRAMS_WEIGHT / sqrt(len(grams))) for gram in grams]
    return tuple(_hashed(name, amount) for name, amount in found)


def _grams(word: str) -> Iterator[str]:
    padded = f"<{word}>"
    return (padded[at : at + 3] for at in range(len(padded) - 2))


def _hashed(feature: str, amount: float) -> tuple[int, float]:
    code = crc32(feature.encode())
    return code % OFFLINE_DIMENSION, amount if code >> 31 else -amount
