"""The databases people registered: `register` one, `connect` to it, keep note of its health, `forget` it.

`registry` keeps them, `health` reaches them, `credentials` is the only place that decrypts, `urls` reads what people
paste, `database` is what every reader sees.
"""

from tools.databases.credentials import rotate_key
from tools.databases.database import Database, Target, read_only_grants, write_warning
from tools.databases.health import Watched, check, connect, try_address
from tools.databases.registry import (
    Forgotten,
    consequence_of_forgetting,
    forget,
    get,
    list_databases,
    name_of,
    register,
    rename,
    target,
)
from tools.databases.urls import address_from_url, carries_password

__all__ = [
    "Database",
    "Forgotten",
    "Target",
    "Watched",
    "address_from_url",
    "carries_password",
    "check",
    "connect",
    "consequence_of_forgetting",
    "forget",
    "get",
    "list_databases",
    "name_of",
    "read_only_grants",
    "register",
    "rename",
    "rotate_key",
    "target",
    "try_address",
    "write_warning",
]
