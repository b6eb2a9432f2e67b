"""What comments and notes say of columns and their values: another name (`hp`: horsepower), what a code means."""

import re
from collections.abc import Iterable, Mapping

from assistant.offline.tokens import plain
from tools.schemas.vocabulary import lemma, words

_CUT = re.compile(
    r"[,.;:(\[]| - | – |\b(?:in|from|of|on which|for which|from which|when|that|who|which|where|until|if|as|for)\b"
)
"""Where the name in a comment ends and what explains it begins."""
_FOREWORD = re.compile(
    r"^(?:(?:the|a|an|this|its|their|total|unique)\s+)+|^(?:number|count|kind|type|date|name|id)\s+of\s+", re.IGNORECASE
)
_MEANS = re.compile(
    r"\s*(?:=|:|->|is|means|stands for|for|-|–)?\s*\(?([^\W\d_][\w '/-]*?)\)?\s*(?=$|[(,;.)|\n]|\bor\b|\band\b)",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"^(?P<name>[\w. ]+?)\s+(?:is|are|means|mean|stands for|holds|=)\s+(?:the |a |an )?(?P<rest>.+)$", re.IGNORECASE
)
_VERBS = {"do", "be", "have", "can", "will", "true", "false", "yes", "no", "not", "only", "empty", "null", "see"}
_VERBS |= {"who", "what", "when", "where", "which", "whether", "if", "how", "why"}
"""Words with which a comment explains and does not name: `does not want mail`, `who placed it`."""
LONGEST = 5
"""Words of a name; what is longer explains, and names nothing."""


def name_in(comment: str | None) -> tuple[str, ...]:
    """The words by which a comment calls a column: `engine displacement in cubic cm` -> engine, displacement."""
    if not comment:
        return ()
    text = comment.strip()
    kept = _FOREWORD.sub("", text)
    head = _CUT.split(kept, maxsplit=1)[0]
    named = tuple(lemma(word) for word in words(head))
    return named if 0 < len(named) <= LONGEST and named[0] not in _VERBS else ()


def codes_in(comment: str | None, stored: Iterable[str]) -> Mapping[str, str]:
    """What a comment says that codes mean, in plain form: `R right-handed, L left-handed` -> right handed: R."""
    if not comment:
        return {}
    found: dict[str, str] = {}
    for value in stored:
        if not value or len(value) > 12:
            continue
        for place in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", comment):
            meant = _MEANS.match(comment, place.end())
            text = plain(meant.group(1)) if meant else ""
            if text and text.split()[0] not in ("or", "and", "to") and text != plain(value) and len(text.split()) <= 4:
                found.setdefault(text, value)
                break
    return found


def told_of(notes: Iterable[str], columns: Iterable[str]) -> Mapping[str, str]:
    """What notes say of columns: `amt is the deal amount` -> amt: deal amount."""
    names = {plain(column): column for column in columns}
    found: dict[str, str] = {}
    for note in notes:
        told = _TELLS.match(note.strip())
        column = names.get(plain(told.group("name").rsplit(".", 1)[-1])) if told else None
        if told and column:
            found[column] = told.group("rest")
    return found
