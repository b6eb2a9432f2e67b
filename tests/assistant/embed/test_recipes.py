"""What the README gives to sign tokens with, run as it stands there."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest

from assistant import embed
from assistant.embed import guests
from tests.assistant.embed.test_keys import PORTAL
from tools.toolbox import Actor, Toolbox

README = (Path(__file__).parents[3] / "README.md").read_text()


def block(language: str, name: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(str(one) for one in blocks if name in one)


async def let_in(box: Toolbox, key: embed.NewWidgetKey, token: str) -> Actor:
    session = await embed.admit(box, key.about.key, PORTAL, token=token)
    return (await guests.guest_of_session(box, session.session)).actor


@pytest.fixture
async def key(toolbox: Toolbox, actor: Actor, sales: str) -> embed.NewWidgetKey:
    return await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales])


async def test_in_python(toolbox: Toolbox, key: embed.NewWidgetKey) -> None:
    recipe: dict[str, object] = {}
    exec(block("python", "tabletalk_token"), recipe)
    with patch.dict(os.environ, {"WIDGET_KEY": key.about.key, "WIDGET_SECRET": key.secret}):
        token = recipe["tabletalk_token"]("mia", "north")  # type: ignore[operator]  # what exec made
    guest = await let_in(toolbox, key, token)
    assert guest.attributes == {"region": "north"}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not on this machine")
async def test_in_node(toolbox: Toolbox, key: embed.NewWidgetKey) -> None:
    program = block("js", "tabletalkToken") + "\nprocess.stdout.write(tabletalkToken('mia', 'north'));"
    environment = {**os.environ, "WIDGET_KEY": key.about.key, "WIDGET_SECRET": key.secret}
    done = subprocess.run(["node", "-e", program], env=environment, capture_output=True, text=True, check=True)
    guest = await let_in(toolbox, key, done.stdout)
    assert guest.attributes == {"region": "north"}
