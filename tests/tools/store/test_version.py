"""The quick look at the store's revision agrees with the tool that makes it."""

from alembic.script import ScriptDirectory

from tools.settings import Settings
from tools.store.session import alembic_config
from tools.store.version import is_current, newest


def test_the_newest_revision_is_alembics_head() -> None:
    script = ScriptDirectory.from_config(alembic_config("postgresql://nowhere/store"))
    assert newest() == script.get_current_head()


async def test_only_a_migrated_store_is_current(settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    assert await is_current(url)
    assert await is_current(url.replace("postgresql://", "postgresql+asyncpg://"))
    assert not await is_current(url.replace("/postgres?", "/template1?"))
    assert not await is_current("postgresql://nobody@127.0.0.1:9/store")
