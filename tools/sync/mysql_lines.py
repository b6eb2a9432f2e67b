"""Rows that MySQL wrote, as lines of documents: what is left to escape is escaped, many rows at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.errors import QueryFailed

QUOTE, TAB, NULL, PART, GAP, END = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa"
"""What a row says by bytes that no UTF-8 holds: a quote, the end of a field, that it is NULL, the end of a part, that a
text goes on in its next line; and the end of a row, which is put behind it here."""

Kind = Literal["text", "array", "json", "raw"]
"""What a part of a row holds: plain text, an array's elements, JSON whose strings are not escaped, and JSON that is."""

Escape = tuple[tuple[bytes, bytes], ...]
"""What stands for what, in this order."""

_UNKNOWN = (b"\x00", "\ufffd".encode())
"""The store's texts hold no NUL."""
_COPY: Escape = (_UNKNOWN, (b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_ARRAY: Escape = (
    _UNKNOWN,
    (b"\\", b"\\\\\\\\"),
    (b'"', b'\\\\"'),
    (b"\t", b"\\t"),
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
)
_JSON: Escape = (
    _UNKNOWN,
    (b"\\", b"\\\\\\\\"),
    (b'"', b'\\\\"'),
    (b"\t", b"\\\\t"),
    (b"\n", b"\\\\n"),
    (b"\r", b"\\\\r"),
)
_RAW: Escape = ((b"\\u0000", "\ufffd".encode()), *_COPY)
"""COPY doubles each backslash, also those by which JSON and arrays escape."""
_ESCAPES: dict[Kind, Escape] = {"text": _COPY, "array": _ARRAY, "json": _JSON, "raw": _RAW}
_CONTROLS = bytes(range(1, 32))
_MARKS = bytes.maketrans(QUOTE + TAB + END, b'"\t\n')
_NOT_PLAIN = PART + bytes(range(32)) + b'"\\'
"""What a block of rows with nothing to escape does not hold, but for the ends of parts."""
_CONTROL = re.compile(rb"[\x01-\x1f]")
_SHORT = {b"\b": b"\\\\b", b"\f": b"\\\\f"}


@dataclass(frozen=True)
class Lines:
    """Makes COPY lines of rows whose parts are of these kinds."""

    kinds: tuple[Kind, ...]

    def __call__(self, rows: Sequence[bytes]) -> bytes:
        """The lines of some rows; QueryFailed when the source gave text that is not UTF-8."""
        block = END.join([*rows, b""])
        plain = block.translate(_MARKS, _NOT_PLAIN)
        ends = len(self.kinds) - 1
        if len(block) - len(plain) != len(rows) * ends:
            lines = plain.split(b"\n")
            if len(lines) != len(rows) + 1:
                raise _not_utf8()
            odd = [at for at, row in enumerate(rows) if len(row) - len(lines[at]) != ends]
            for at, line in zip(odd, self._escape([rows[at] for at in odd]), strict=True):
                lines[at] = line
            plain = b"\n".join(lines)
        return plain.replace(GAP, b"\\n").replace(NULL, b"\\N")

    def _escape(self, rows: Sequence[bytes]) -> list[bytes]:
        """Lines of rows in which there is something to escape."""
        width = len(self.kinds)
        parts = PART.join(rows).split(PART)
        if len(parts) != len(rows) * width:
            raise _not_utf8()
        columns = [_escaped(kind, parts[at::width]) for at, kind in enumerate(self.kinds)]
        return END.join(map(b"".join, zip(*columns, strict=True))).translate(_MARKS).split(b"\n")


def _not_utf8() -> QueryFailed:
    return QueryFailed("A row holds text that is not valid in its character set. Ignore its column in the plan.")


def _escaped(kind: Kind, parts: Sequence[bytes]) -> list[bytes]:
    """Escape all parts at once: where nothing is to be escaped, that is a look for a byte in a block."""
    block = PART.join(parts)
    for meant, written in _ESCAPES[kind]:
        block = block.replace(meant, written)
    if kind == "json" and len(block.translate(None, _CONTROLS)) != len(block):
        block = _CONTROL.sub(_control, block)
    return block.split(PART)


def _control(found: re.Match[bytes]) -> bytes:
    return _SHORT.get(found[0], b"\\\\u%04x" % found[0][0])
