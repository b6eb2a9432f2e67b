"""Base forms of English words, by simplemma; a process that forks others holds its dictionary packed."""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

# 50 ms of import, 130 ms and 20 MB of dictionary: each is loaded by what first needs it.

_held: "list[Packed]" = []
"""The packed dictionary of this process; empty while it has none."""


class Packed(Mapping[str, str]):
    """A dictionary as sorted lines of text: two megabytes, where Python's own takes eighteen."""

    def __init__(self, lines: bytes) -> None:
        """Hold lines as `packed` makes them."""
        self._lines = lines

    def __getitem__(self, word: str) -> str:
        sought, lines = word.encode(), self._lines
        low, high = 0, len(lines)
        while low < high:
            middle = (low + high) // 2
            start = max(low, lines.rfind(b"\n", low, middle) + 1)
            end = lines.index(b"\n", middle)
            key, _, base = lines[start:end].partition(b"\t")
            if key == sought:
                return (base or key).decode()
            low, high = (end + 1, high) if key < sought else (low, start)
        raise KeyError(word)

    def __iter__(self) -> Iterator[str]:
        return (line.partition(b"\t")[0].decode() for line in self._lines.splitlines())

    def __len__(self) -> int:
        return self._lines.count(b"\n")

    def get_dictionary(self, lang: str) -> Mapping[str, str]:
        """What simplemma asks of a source of dictionaries."""
        assert lang == "en"
        return self


def packed(words: Mapping[str, str]) -> bytes:
    """Lines of word and base form, the latter left out where it is the same."""
    lines = (word.encode() + (b"" if word == base else b"\t" + base.encode()) for word, base in words.items())
    return b"".join(line + b"\n" for line in sorted(lines, key=lambda line: line.partition(b"\t")[0]))


def pack() -> None:
    """Have this process, and those it forks from now on, hold the dictionary packed; before it is first asked.

    A child packs it: what reading the dictionary takes in memory, Python would not give back.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(packed(_source().get_dictionary("en")))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read()
    os.waitpid(child, 0)
    if lines:
        _held.append(Packed(lines))


def base_form(word: str) -> str:
    """Give the base form of a word in lower case: `cities` -> `city`; one that no dictionary knows goes by rules."""
    return _known(word) or str(_lemmatizer().lemmatize(word, "en"))


def is_known(word: str) -> bool:
    """Tell whether the dictionary has a word in lower case, or as a name."""
    return _known(word) is not None


def _known(word: str) -> str | None:
    dictionary: Mapping[str, str] = _source().get_dictionary("en")
    return dictionary.get(word) or dictionary.get(word.capitalize())


@cache
def _source() -> Any:
    """What gives the dictionary: the packed one, or simplemma's own."""
    if _held:
        return _held[0]
    from simplemma.strategies import DefaultDictionaryFactory

    return DefaultDictionaryFactory()


@cache
def _lemmatizer() -> Any:
    from simplemma import Lemmatizer
    from simplemma.strategies import DefaultStrategy

    return Lemmatizer(lemmatization_strategy=DefaultStrategy(dictionary_factory=_source()))
