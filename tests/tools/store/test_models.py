"""The models and the migrations describe the same tables."""

import asyncio

from alembic import command

from tools.settings import Settings
from tools.store.session import alembic_config


async def test_the_migrations_make_what_the_models_say(settings: Settings) -> None:
    assert settings.database_url is not None
    config = alembic_config(settings.database_url.get_secret_value())
    await asyncio.to_thread(command.check, config)  # raises when a new migration would have to do anything
