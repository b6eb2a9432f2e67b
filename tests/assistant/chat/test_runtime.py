"""Chainlit's folder, laid out anew at each start."""

import json
import subprocess
import sys
from pathlib import Path

from assistant.chat import runtime
from tools.settings import Settings

LAY_OUT = """
import sys
from pathlib import Path
from assistant.chat import runtime
from tools.settings import Settings
runtime.prepare(Settings(home=Path(sys.argv[1]), _env_file=None))
from chainlit.config import APP_ROOT, config
assert APP_ROOT == sys.argv[1] + "/chat/8000", APP_ROOT
assert config.ui.name == "Tabletalk"
assert not config.features.spontaneous_file_upload.enabled
assert config.project.allow_origins == []
"""


def test_everything_chainlit_writes_lies_in_our_home(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LAY_OUT, str(tmp_path)], check=True, cwd=runtime.HERE.parents[1], timeout=100)
    words = json.loads((tmp_path / "chat/8000/.chainlit/translations/en-US.json").read_text())
    assert words["navigation"]["newChat"]["button"] == "New conversation"
    assert "offline model" in words["chat"]["watermark"]
    assert (tmp_path / "chat/8000/public/elements/Result.jsx").is_file()
    written = {path.name for path in runtime.HERE.rglob("*")}
    assert not written & {".files", ".chainlit", "translations"}


def test_the_welcome_is_the_file_at_the_top_of_the_repository() -> None:
    assert "plain words" in runtime.welcome()


def test_a_model_that_is_set_is_no_offline_model(tmp_path: Path) -> None:
    assert "offline" not in runtime._foot(Settings(home=tmp_path, model="openai-chat:x", _env_file=None))
