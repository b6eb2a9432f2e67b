"""What Chainlit finds on disk and in the environment: a folder of its own, written anew at each start."""

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from assistant.accounts import sso
from tools.credentials import secret_key
from tools.errors import AssistantError
from tools.settings import Settings

HERE = Path(__file__).parent
WELCOME = HERE.parents[1] / "chainlit.md"
HANDLERS = HERE / "handlers.py"

WORDS = {
    "auth.login.title": "Sign in to Tabletalk",
    "auth.login.form.email.label": "User name",
    "auth.login.form.email.required": "Enter your user name",
    "auth.login.form.email.placeholder": "",
    "auth.login.form.password.required": "Enter your password",
    "auth.login.form.actions.signin": "Sign in",
    "auth.login.errors.default": "User name or password is wrong.",
    "auth.login.errors.credentialsSignin": "User name or password is wrong.",
    "auth.login.errors.oauthSignin": "You could not be signed in that way; ask an admin of Tabletalk.",
    "chat.input.placeholder": "Ask, or type / for commands",
    "chat.input.actions.send": "Send",
    "chat.input.actions.stop": "Stop",
    "chat.commands.button": "Commands",
    "chat.commands.changeTool": "Change command",
    "chat.commands.availableTools": "Commands",
    "chat.messages.status.using": "",
    "chat.messages.status.used": "",
    "chat.messages.actions.copy.success": "Copied",
    "threadHistory.sidebar.title": "Conversations",
    "threadHistory.sidebar.empty": "No conversations yet",
    "threadHistory.thread.untitled": "Untitled",
    "threadHistory.thread.menu.rename": "Rename",
    "threadHistory.thread.actions.delete.title": "Delete this conversation?",
    "threadHistory.thread.actions.delete.description": (
        "Its messages, results and what the assistant remembers of it go. Databases and saved queries stay."
    ),
    "threadHistory.thread.actions.delete.success": "Conversation deleted",
    "threadHistory.thread.actions.delete.inProgress": "Deleting",
    "threadHistory.thread.actions.rename.title": "Rename conversation",
    "threadHistory.thread.actions.rename.description": "A new name for this conversation",
    "threadHistory.thread.actions.rename.success": "Renamed",
    "threadHistory.thread.actions.rename.inProgress": "Renaming",
    "navigation.header.theme.light": "Light",
    "navigation.header.theme.dark": "Dark",
    "navigation.header.theme.system": "As the system",
    "navigation.newChat.button": "New conversation",
    "navigation.newChat.dialog.tooltip": "New conversation",
    "navigation.user.menu.logout": "Sign out",
}
"""Our words in place of Chainlit's, by their path in its translation file."""


def prepare(settings: Settings) -> Path:
    """Lay out Chainlit's folder in `settings.home` and point Chainlit at it; call before importing it.

    Only what we edit is in the repository: importing Chainlit writes a configuration, two dozen translations and a
    folder of files beside its configuration, so that must not be ours.
    """
    folder = settings.home / "chat" / str(settings.port)  # web processes may share a home, and start when they like
    words = folder / ".chainlit" / "translations"
    words.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "config.toml", folder / ".chainlit" / "config.toml")
    (words / "en-US.json").write_text(json.dumps(_translation(_foot(settings)), indent=1), encoding="utf-8")
    shutil.rmtree(folder / "public", ignore_errors=True)
    shutil.copytree(HERE / "public", folder / "public")
    (folder / "chainlit_en-US.md").write_text(welcome(), encoding="utf-8")
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    os.environ["CHAINLIT_AUTH_SECRET"] = secret_key(settings)
    if settings.public_url:
        os.environ["CHAINLIT_URL"] = settings.public_url
    if settings.oidc_issuer and not settings.local:
        os.environ.update(sso.environment(settings, sso.discover(settings, folder / "oidc.json")))
    return folder


LONGEST_WAIT = 60
"""Minutes."""


def wait_key(seconds: int) -> str:
    """Give the key of the words on the login page that say how long to wait."""
    return f"wait{min(LONGEST_WAIT, -(-seconds // 60))}"


def _waits() -> dict[str, str]:
    return {
        wait_key(60 * minutes): f"Too many tries. Try again in {minutes} minute{'s' * (minutes > 1)}."
        for minutes in range(1, LONGEST_WAIT + 1)
    }


Tell = Callable[[Request, Exception], Awaitable[Response]]


def mend(tell: Tell) -> None:
    """Mend three things in Chainlit once it is mounted at the root.

    It shall answer errors raised on purpose as `tell` does, not with a bare 500. Its page links to other hosts: it
    must open without a network, and tell nobody. Its middleware that checks the path does nothing at the root, but
    logs an error for every browser that leaves before an answer.
    """
    from chainlit import server  # reads the environment when it is imported

    shipped = server.get_html_template

    def page(root_path: str) -> str:
        return re.sub(r'<link\s[^>]*href="https?://[^>]*>\s*', "", shipped(root_path))

    server.app.add_exception_handler(AssistantError, tell)
    server.get_html_template = page
    checks = [one for one in server.app.user_middleware if getattr(one.cls, "__name__", "") == "ChainlitMiddleware"]
    for one in checks:
        server.app.user_middleware.remove(one)


def welcome() -> str:
    """Give the text of the first screen: chainlit.md at the top of the repository."""
    return WELCOME.read_text(encoding="utf-8") if WELCOME.is_file() else ""


def _foot(settings: Settings) -> str:
    """What stands under the composer: which model reads the questions is seen at any time."""
    if settings.model:
        return "Tabletalk only reads. Every answer shows its query."
    return "`offline model` · **/model** connects another. Tabletalk only reads; every answer shows its query."


def _translation(foot: str) -> dict[str, object]:
    package = importlib.util.find_spec("chainlit")
    assert package is not None, "chainlit is a dependency"
    assert package.origin is not None, "chainlit is a package of files"
    shipped = Path(package.origin).parent / "translations" / "en-US.json"
    translation: dict[str, object] = json.loads(shipped.read_text(encoding="utf-8"))
    for path, words in {**WORDS, "chat.watermark": foot}.items():
        *parents, last = path.split(".")
        place = translation
        for parent in parents:
            place = place[parent]  # type: ignore[assignment]  # nested dicts down to the text
        if last not in place:
            raise KeyError(f"Chainlit's translation has no {path!r} any more; mend WORDS in {__file__}.")
        place[last] = words
    translation["auth"]["login"]["errors"].update(_waits())  # type: ignore[index]  # nested dicts down to the text
    return translation
