"""Cuts a question into words, numbers, quoted texts, dates and signs."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from tools.schemas.vocabulary import lemma

_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"]+"|“[^”]+”|‘[^’]+’|`[^`]+`|(?<![\w])'(?!s\b)[^']+'(?!\w)|``[^']+'')
  | (?P<date>\b\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?\b)
  | (?P<slashed>\b\d{1,2}/\d{1,2}/\d{4}\b)
  | (?P<number>[$€£]?(?<![\w.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?:k|m|K|M)?(?![\w]|\.\w|-\w))
  | (?P<word>\w[\w]*(?:[.&/'’-]\w+)*)
  | (?P<sign>>=|<=|<>|!=|[><=,;:?!.()%&])
    """,
    re.VERBOSE,
)
_SUFFIX = re.compile(
    r"(?:ations?|itions?|ments?|ings?|ions?|ances?|ences?|ers?|ors?|ors|ives?|ness|ees?|als?|ed|es|s|e|y|i)$"
)
_ONE = frozenset({"e-mail", "e-mails", "on-line", "off-line", "co-author", "co-authors", "check-in", "check-out"})
"""Words that are one, with or without a hyphen."""
_HYPHENED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the question; `value` is set for numbers, dates and quoted texts."""

    text: str
    lower: str
    kind: Literal["word", "number", "quoted", "date", "sign"]
    start: int
    end: int
    value: str | int | float | date | None = None

    @property
    def lemma(self) -> str:
        """The base form of a word."""
        return lemma(self.lower) if self.kind == "word" else self.lower

    @property
    def capital(self) -> bool:
        """True for a word written with a capital or a digit: perhaps a name or a code."""
        return self.kind == "word" and (self.text != self.lower or any(c.isdigit() for c in self.text))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Cut the commonest endings: `enrollment`, `enrolled`, `enrolls` share a stem."""
    cut = _SUFFIX.sub("", lemma(word))
    if len(cut) < 3:
        return word
    if len(cut) > 5 and cut != lemma(word):  # measurement, measure
        again = _SUFFIX.sub("", cut)
        cut = again if len(again) > 4 else cut
    return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] else cut


@lru_cache(maxsize=50_000)
def plain(text: str) -> str:
    """Lower case, letters and digits only, without accents, one space between: in this form values are compared."""
    bare = text.lower()
    if not bare.isascii():
        bare = "".join(sign for sign in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"[^\W_]+", bare))


@lru_cache(maxsize=512)
def tokenize(question: str) -> tuple[Token, ...]:
    """Cut a question; the possessive becomes a word `'s` of its own, contractions stay whole."""
    tokens: list[Token] = []
    for found in _TOKEN.finditer(question.replace("’s", "'s").replace("’t", "'t")):
        kind, text = found.lastgroup or "sign", found.group()
        start, end = found.span()
        if kind == "quoted":
            inner = text.strip("\"'“”‘’`").strip()
            tokens.append(Token(text, inner.lower(), "quoted", start, end, inner))
        elif kind in ("date", "slashed"):
            tokens.append(_date(text, kind, start, end))
        elif kind == "number":
            tokens.append(Token(text, text.lower(), "number", start, end, _number(text)))
        elif kind == "word":
            tokens.extend(_word(text, start, end))
        else:
            tokens.append(Token(text, text, "sign", start, end))
    return tuple(tokens)


def _word(text: str, start: int, end: int) -> list[Token]:
    if text.lower().endswith("'s"):
        return [Token(text[:-2], text[:-2].lower(), "word", start, end - 2), Token("'s", "'s", "word", end - 2, end)]
    if text.lower() in _ONE:
        return [Token(text, text.lower().replace("-", ""), "word", start, end)]
    if _HYPHENED.fullmatch(text):  # left-handed, first-grade
        return [Token(part.group(), part.group().lower(), "word", start + part.start(), start + part.end())
                for part in re.finditer(r"[^-]+", text)]  # fmt: skip
    return [Token(text, text.lower(), "word", start, end)]


def _date(text: str, kind: str, start: int, end: int) -> Token:
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    year, month, day = numbers[:3] if kind == "date" else (numbers[2], numbers[0], numbers[1])
    if kind == "slashed" and month > 12:
        month, day = day, month
    try:
        value: date | str = date(year, month, day)
    except ValueError:
        value = text
    if len(numbers) > 3:
        value = text.replace("T", " ")
    return Token(text, text, "date" if isinstance(value, date) else "quoted", start, end, value)


def _number(text: str) -> int | float:
    bare = text.strip("$€£").replace(",", "")
    factor = {"k": 1_000, "m": 1_000_000}.get(bare[-1].lower(), 1)
    value = float(bare.rstrip("kmKM")) * factor
    return int(value) if value.is_integer() else value
