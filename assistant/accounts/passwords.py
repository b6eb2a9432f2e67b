"""Passwords, as argon2 keeps them."""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tools.errors import Invalid

SHORTEST = 10
LONGEST = 1000
"""Bytes; hashing more would only cost time."""


async def hashed(password: str) -> str:
    """Give the hash to keep; Invalid when the password is too short or absurdly long."""
    if len(password) < SHORTEST:
        raise Invalid(f"The password is too short: {SHORTEST} characters or more.")
    if len(password.encode()) > LONGEST:
        raise Invalid(f"The password is too long: {LONGEST} bytes at most.")
    return await asyncio.to_thread(_hasher().hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """Tell whether `password` is the one of `stored`; without one it takes as long, and is never right."""
    right = await asyncio.to_thread(_verify, stored or _unusable_hash(), password[:LONGEST])
    return right and stored is not None


@lru_cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache
def _unusable_hash() -> str:
    return _hasher().hash("nobody's password")


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
