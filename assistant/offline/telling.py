"""What a tool gave back for a command, in a sentence; its card shows the rest."""

from typing import Any

from assistant.offline.plurals import singular
from assistant.offline.step import Returned

COUNTED = {
    "list_databases": ("databases are registered", "No database is registered yet. Say “register a database”."),
    "list_notes": ("notes", "There are no notes yet. Say for instance “note: revenue means paid orders”."),
    "query_history": ("queries", "Nothing has been asked yet."),
    "list_verified": ("verified questions", "There are no verified questions yet: save an answer as verified."),
    "list_jobs": ("jobs", "There are no such jobs."),
}
"""Tool -> what its card lists, and what is said when it lists nothing."""

FORM = "Please fill in the form. The password goes straight to the server: no model and no history sees it."


def tell(returned: Returned) -> str:
    """Say what came of a call."""
    if returned.denied:
        return "Nothing was done."
    if not returned.ok:
        return _reason(returned.text)
    if returned.tool == "register_database":
        return FORM
    rows = _rows(returned.cards)
    if returned.tool in COUNTED:
        what, none = COUNTED[returned.tool]
        return _counted(len(rows), what) if rows else none
    if returned.tool == "list_tables" and rows:
        return f"{_about(returned)} has {_counted(len(rows), 'tables')}"
    if returned.tool == "describe_table" and rows:
        return f"{_about(returned)} has {_counted(len(rows), 'columns')}"
    return returned.text


def _reason(text: str) -> str:
    """The reason without the error's title: the message already says what, which and what next."""
    title, colon, message = text.partition(": ")
    return message if colon and len(title.split()) <= 3 else text


def _rows(cards: tuple[dict[str, Any], ...]) -> list[Any]:
    """Rows of the first card that lists something: a table's rows, a board's jobs."""
    found = next((card for card in cards if card.get("type") in {"table", "board"}), {})
    return list(found.get("rows") or found.get("job_ids") or ())


def _about(returned: Returned) -> str:
    """The name in the card's title: `Tables of shop` is about shop."""
    title = next((str(card["title"]) for card in returned.cards if card.get("type") == "table"), "")
    return title.removeprefix("Tables of ") or "It"


def _counted(count: int, what: str) -> str:
    if count != 1:
        return f"{count:,} {what}."
    first, *rest = what.split(" ", 1)
    return " ".join(["1", singular(first.rstrip(",")), *(part.replace("are ", "is ") for part in rest)]) + "."
