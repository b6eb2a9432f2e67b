"""Encryption of what must not be read from the store: AES-GCM, the key outside the database."""

import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tools.errors import ConfigurationError
from tools.settings import Settings

NONCE, KEY_ID = 12, 4
"""Bytes of a nonce and of the key's own fingerprint, which stand before each ciphertext."""


class Secrets:
    """Seals and opens short secrets; each is bound to the workspace and the row that own it."""

    def __init__(self, key: str) -> None:
        """Derive the encryption key from `key`, the secret key of this installation."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tabletalk credentials").derive(key.encode())
        self._cipher = AESGCM(derived)
        self.signing_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tabletalk tokens").derive(key.encode())
        """Signs access tokens; of its own, so that a token tells nothing about credentials."""
        self._mask_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tabletalk masks").derive(key.encode())
        self.key_id = hashlib.blake2b(derived, digest_size=KEY_ID).digest()

    def mask_key(self, workspace_id: UUID) -> str:
        """The key of a workspace's pseudonyms: who knows a value cannot tell its pseudonym without it."""
        return hashlib.blake2b(workspace_id.bytes, key=self._mask_key, digest_size=16).hexdigest()

    def seal(self, plain: str, workspace_id: UUID, row_id: UUID) -> bytes:
        """Encrypt `plain` so that only the same workspace and row can open it."""
        nonce = os.urandom(NONCE)
        return self.key_id + nonce + self._cipher.encrypt(nonce, plain.encode(), workspace_id.bytes + row_id.bytes)

    def open(self, sealed: bytes, workspace_id: UUID, row_id: UUID) -> str:
        """Decrypt what `seal` gave; ConfigurationError when the key is another or the bytes were moved."""
        key_id, nonce, body = sealed[:KEY_ID], sealed[KEY_ID : KEY_ID + NONCE], sealed[KEY_ID + NONCE :]
        if key_id != self.key_id:
            raise ConfigurationError(
                "Stored credentials were encrypted with another secret key; "
                "set TABLETALK_SECRET_KEY back, or run `tabletalk rotate-key` with the old one."
            )
        try:
            return self._cipher.decrypt(nonce, body, workspace_id.bytes + row_id.bytes).decode()
        except InvalidTag:
            raise ConfigurationError(
                f"The stored credential of {row_id} does not belong to this row; register the database again."
            ) from None


def secret_key(settings: Settings) -> str:
    """Give the secret key: the setting, or in local mode one made once and kept in `home`."""
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
        if len(key) < 32:
            raise ConfigurationError(
                f"TABLETALK_SECRET_KEY has {len(key)} characters; it needs 32 or more: openssl rand -base64 32"
            )
        return key
    if not settings.local:
        raise ConfigurationError("TABLETALK_SECRET_KEY is not set; outside local mode set one: openssl rand -base64 32")
    return _kept_key(settings.home / "secret_key")


@contextmanager
def replacing_kept_key(settings: Settings) -> Iterator[tuple[str, str]]:
    """Give the key kept in `home` and a new one; the new one is kept when the block succeeds.

    The new key is on disk before anything is encrypted with it, and a run that was cut short goes on with it.
    """
    kept, following = settings.home / "secret_key", settings.home / "secret_key.next"
    yield _kept_key(kept), _kept_key(following)
    following.replace(kept)


def _kept_key(path: Path) -> str:
    """Read the key, made first when there is none; it appears whole or not at all, and once for all processes."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.link(unfinished, path)
        unfinished.unlink()
    return path.read_text().strip()
