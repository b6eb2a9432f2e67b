"""What a tool gave back for a command, in a sentence; its card shows the rest."""

from typing import Any

from assistant.offline.step import Returned

COUNTED = {
    "list_databases": (
        "database is registered",
        "databases are registered",
        "No database is registered yet. Say “register a database”.",
    ),
    "list_notes": ("note", "notes", "There are no notes yet. Say for instance “note: revenue means paid orders”."),
    "query_history": ("query", "queries", "Nothing has been asked yet."),
    "list_verified": (
        "verified question",
        "verified questions",
        "There are no verified questions yet: save an answer as verified.",
    ),
    "list_jobs": ("job", "jobs", ""),
    "list_schedules": (
        "schedule",
        "schedules",
        "Nothing like that is scheduled.",
    ),
    "search_documents": ("row found", "rows found", "Nothing was found."),
}
"""Tool -> what its card lists: one, many, and what is said when there is nothing."""

FIRST_LINE = {"preview_sync", "sync_status", "schedule_sync", "schedule_training"}
"""Tools whose card shows what stands behind the first line of what they tell."""

FORM = "Please fill in the form. The password goes straight to the server: no model and no history sees it."


def tell(returned: Returned) -> str:
    """Say what came of a call."""
    if returned.denied:
        return "Nothing was done."
    if not returned.ok:
        return reason(returned.text)
    if returned.tool == "register_database":
        return FORM
    if returned.tool == "list_jobs" and any(_whole(card) for card in returned.cards):
        return "This is what runs, what failed, what ran lately and what starts by itself."
    if returned.tool == "search_documents":
        return _found(returned)
    if returned.tool in FIRST_LINE:
        return returned.text.partition("\n")[0].rstrip(":") + (
            "." if returned.text.partition("\n")[0].endswith(":") else ""
        )
    rows = _rows(returned.cards)
    if returned.tool in COUNTED:
        one, many, none = COUNTED[returned.tool]
        return _counted(len(rows), one, many) if rows else none or returned.text
    if returned.tool == "list_tables" and rows:
        return f"{_about(returned)} has {_counted(len(rows), 'table', 'tables')}"
    if returned.tool == "describe_table" and rows:
        return f"{_about(returned)} has {_counted(len(rows), 'column', 'columns')}"
    return returned.text


def reason(text: str) -> str:
    """The reason without the error's title: the message already says what, which and what next."""
    title, colon, message = text.partition(": ")
    return message if colon and len(title.split()) <= 3 else text


def _whole(card: dict[str, Any]) -> bool:
    return card.get("type") == "board" and card.get("job_ids") is None


def _found(returned: Returned) -> str:
    """How a search was read and what it found; the documents stand on its card."""
    card = next((card for card in returned.cards if card.get("type") == "documents"), {})
    one, many, none = COUNTED[returned.tool]
    hits = card.get("hits") or ()
    said = _counted(len(hits), one, many) if hits else none
    return " ".join([said, *(str(warning) for warning in card.get("warnings") or ())])


def _rows(cards: tuple[dict[str, Any], ...]) -> list[Any]:
    """Rows of the first card that lists something: a table's rows, a board's jobs, schedules."""
    found = next((card for card in cards if card.get("type") in {"table", "board", "schedule"}), {})
    return list(found.get("rows") or found.get("job_ids") or found.get("schedule_ids") or ())


def _about(returned: Returned) -> str:
    """The name in the card's title: `Tables of shop` is about shop."""
    title = next((str(card["title"]) for card in returned.cards if card.get("type") == "table"), "")
    return title.removeprefix("Tables of ") or "It"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}."
