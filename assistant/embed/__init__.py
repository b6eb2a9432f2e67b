"""The chat in somebody else's page: a script puts a frame there, and the page says who its user is.

`keys` hold which pages may, whose data their users see and how it looks. `guests` turns what a page signed into an
actor. `doors` are the script, the session and the demo page; `frame` serves the chat itself below a path of its own,
where the login of the main chat does not count. `public` goes to the browser.
"""

from assistant.embed.guests import PREFIX, Guest, Session, actor_called, admit, find_guest, take_question
from assistant.embed.keys import (
    Look,
    NewWidgetKey,
    WidgetKey,
    create_key,
    find_key,
    list_keys,
    revoke_key,
    rotate_key,
    snippet,
)

__all__ = [
    "PREFIX",
    "Guest",
    "Look",
    "NewWidgetKey",
    "Session",
    "WidgetKey",
    "actor_called",
    "admit",
    "create_key",
    "find_guest",
    "find_key",
    "list_keys",
    "revoke_key",
    "rotate_key",
    "snippet",
    "take_question",
]
