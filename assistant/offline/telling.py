"""What a tool gave back for a command, in a sentence; its card shows the rest."""

import json

from assistant.offline.step import Returned


def tell(returned: Returned) -> str:
    """Say what came of a call."""
    if returned.denied:
        return "Nothing was done."
    if not returned.ok:
        return _reason(returned.text)
    return _plain(returned.text)


def _reason(text: str) -> str:
    """The reason without the error's title: the message already says what, which and what next."""
    title, colon, message = text.partition(": ")
    return message if colon and len(title.split()) <= 3 else text


def _plain(text: str) -> str:
    """A tool's text as it is; of JSON its message, since its card shows the data."""
    try:
        held = json.loads(text)
    except ValueError:
        return text
    if isinstance(held, str):
        return held
    if isinstance(held, dict) and isinstance(held.get("message"), str):
        return str(held["message"])
    return "Done."
