"""The one place that seals and opens what logs in to a registered database."""

import json
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select

from tools.connectors.base import Address
from tools.credentials import Secrets
from tools.store.models import DatabaseRow, WidgetKeyRow
from tools.toolbox import Toolbox


def seal(secrets: Secrets, row: DatabaseRow, address: Address) -> bytes:
    """Encrypt the parts of `address` that are nobody's business, bound to the row's workspace and id."""
    body = json.dumps({"password": address.password.get_secret_value(), "tls_ca": address.tls_ca})
    return secrets.seal(body, row.workspace_id, row.id)


def address_of(secrets: Secrets, row: Any) -> Address:
    """Decrypt a row of databases into the address to connect to; ConfigurationError when the key is another."""
    body: dict[str, Any] = json.loads(secrets.open(row.credentials, row.workspace_id, row.id))
    return Address.model_validate(
        {
            "dialect": row.dialect,
            "host": row.host,
            "port": row.port,
            "database": row.database,
            "username": row.username,
            "tls": row.tls,
            "password": SecretStr(body["password"]),
            "tls_ca": body["tls_ca"],
        }
    )


SEALED: tuple[tuple[Any, str], ...] = ((DatabaseRow, "credentials"), (WidgetKeyRow, "secret"))
"""Everything in the store that is encrypted with the secret key."""


async def rotate_key(box: Toolbox, old_key: str, new_key: str) -> int:
    """Encrypt every credential anew, from `old_key` to `new_key`, all or none; returns how many were.

    Rows that `new_key` opens already are left: a second run does no harm. ConfigurationError when a row opens
    with neither.
    """
    old, new = Secrets(old_key), Secrets(new_key)
    changed = 0
    async with box.store.begin_for_all() as session:
        for table, column in SEALED:
            for row in await session.scalars(select(table).order_by(table.id).with_for_update()):
                sealed: bytes = getattr(row, column)
                if sealed.startswith(new.key_id):
                    continue
                plain = old.open(sealed, row.workspace_id, row.id)
                setattr(row, column, new.seal(plain, row.workspace_id, row.id))
                changed += 1
    return changed
