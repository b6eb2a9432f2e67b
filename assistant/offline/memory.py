"""What the offline model keeps with a conversation: the last reading and the ones it offered, as plain JSON."""

from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from typing import Any as Anything

from assistant.offline.forms import All, Any, Compare, Expr, Form, Member, Not, Ref, Sort
from assistant.offline.understanding import ReadingOf, Understanding

KINDS = {
    kind.__name__: kind for kind in (All, Any, Compare, Expr, Form, Member, Not, Ref, Sort, ReadingOf, Understanding)
}


def to_json(value: Anything) -> Anything:
    """Give a form, a reading or a part of one as JSON; parts that stand at their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        held = {}
        for field in fields(value):
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if (part := getattr(value, field.name)) != default:
                held[field.name] = to_json(part)
        return {"_": type(value).__name__, **held}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, date):
        return {"_": "date", "iso": value.isoformat()}
    return value


def from_json(value: Anything) -> Anything:
    """Give back what `to_json` took; ValueError for what an older version of the forms has written."""
    if isinstance(value, list):
        return tuple(from_json(each) for each in value)
    if not isinstance(value, dict):
        return value
    kind = value.get("_")
    if kind == "date":
        return date.fromisoformat(value["iso"])
    try:
        return KINDS[str(kind)](**{name: from_json(part) for name, part in value.items() if name != "_"})
    except (KeyError, TypeError) as error:
        raise ValueError(f"A remembered {kind!r} is of another version: {error}.") from error


def tables_in(value: Anything) -> set[str]:
    """Qualified names of all tables that a form or a reading uses anywhere in it."""
    if isinstance(value, list | tuple):
        return {name for each in value for name in tables_in(each)}
    if not is_dataclass(value) or isinstance(value, type):
        return set()
    found = {name for field in fields(value) for name in tables_in(getattr(value, field.name))}
    match value:
        case Form():
            found |= {*value.tables, value.star}
        case Expr() | Ref():
            found.add(value.table)
    return found - {""}
