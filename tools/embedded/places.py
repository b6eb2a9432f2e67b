"""Where a local set-up keeps its things, and as whom its servers run.

Normally everything lies in `home`. Started by root, the servers run as an unprivileged account, which often may not
enter `home` (`/root`, a folder made by mktemp). A person's folders are never opened up for it: the servers' data then
lies in a folder of our own below `STATE_ROOT`, and `home/data` is a link that says where.
"""

import errno
import hashlib
import os
import pwd
import re
import secrets
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.errors import ConfigurationError

STATE_ROOT = Path("/var/lib")
ACCOUNTS = ("tabletalk", "nobody")
"""Accounts that the servers drop to when root starts them, the first that exists."""
RUN_BYTES = 80
"""A socket's whole path must fit in 104 bytes on macOS, 108 on Linux; the longest name is `.s.PGSQL.5432.lock`."""
FREE_BYTES = 300_000_000
"""Wanted free on the disk before a first start: an empty cluster with its write-ahead log takes about 60 MB."""
FREE_BYTES_LATER = 50_000_000
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EEXIST: "a file is in the way",
    errno.ENOTDIR: "a file is in the way",
    errno.EROFS: "the file system is read-only",
}


@dataclass(frozen=True)
class Places:
    """Folders of one local set-up; making one creates nothing, `prepare` does."""

    home: Path

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """The account that the servers drop to; None when we are not root and they run as we do."""
        if os.geteuid() != 0:
            return None
        for name in ACCOUNTS:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and none of the accounts {', '.join(ACCOUNTS)} exists; "
            "start Tabletalk as an ordinary user, or add such an account."
        )

    @property
    def ids(self) -> tuple[int, int] | None:
        """(uid, gid) of `account`."""
        return (self.account.pw_uid, self.account.pw_gid) if self.account else None

    @property
    def state(self) -> Path:
        """The folder that holds the servers' data: `home`, or where the link `home/data` points."""
        return self._link.resolve() if self._link.is_symlink() else self.home

    @property
    def _link(self) -> Path:
        return self.home / "data"

    @property
    def logs(self) -> Path:
        """Log files of servers and processes; opened by the supervisor, so always in `home`."""
        return self.home / "logs"

    @cached_property
    def run(self) -> Path:
        """The folder of the sockets, 0700: in `state`, or a short one in the temp folder."""
        inside = self.state / "run"
        if len(os.fsencode(inside)) <= RUN_BYTES and re.fullmatch(r"[\w./-]+", str(inside), re.ASCII):
            return inside
        name = f"tabletalk-{os.geteuid()}-{hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]}"
        temporary = Path(tempfile.gettempdir()) / name
        return temporary if len(os.fsencode(temporary)) <= RUN_BYTES else Path("/tmp") / name  # noqa: S108  # 0700, owner checked

    def prepare(self) -> None:
        """Make the folders; ConfigurationError when the platform, the folder or the disk will not do."""
        if sys.platform == "win32":
            raise ConfigurationError(
                "The embedded servers run on Linux and macOS; on Windows use WSL, "
                "or set TABLETALK_DATABASE_URL and TABLETALK_REDIS_URL."
            )
        prepare_home(self.home)
        if self._link.is_symlink() and not self._link.exists():
            self._link.unlink()  # the data was removed by hand: begin anew
        if self.account is not None and not self._link.is_symlink() and not can_enter(self.home, self.account):
            self._lie_elsewhere(self.account)
        self.owned(self.run)
        require_space(self.state, FREE_BYTES_LATER if (self.state / "postgres").exists() else FREE_BYTES)

    def tidy(self) -> None:
        """Remove a socket folder that lies in the temp folder; nothing runs any more."""
        if self.run.parent != self.state:
            shutil.rmtree(self.run)

    def owned(self, folder: Path) -> Path:
        """Make `folder` 0700, owned by the servers' account; ConfigurationError when it is another's."""
        uid = self.account.pw_uid if self.account else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
            if self.account:
                os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
                raise ConfigurationError(
                    f"{str(folder)!r} belongs to somebody else (uid {found.st_uid}, wanted {uid}); remove it, "
                    "or set TABLETALK_HOME to another folder."
                ) from None
        except OSError as error:
            raise cannot_write(folder, error) from None
        return folder

    def readable(self, package: Path, version: str) -> Path:
        """Give the folder `package`, or a copy in `state` when the servers' account may not read it where it is."""
        if self.account is None or can_enter(package, self.account):
            return package
        copy = self.state / f"programs-{version}" / package.name
        if not copy.exists():
            for old in self.state.glob(f"programs-*/{package.name}"):
                shutil.rmtree(old)
            copy.parent.mkdir(mode=0o755, exist_ok=True)
            copy.parent.chmod(0o755)
            unfinished = copy.with_name(f"{copy.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(
                package, unfinished, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"), symlinks=True
            )
            for file in (unfinished, *unfinished.rglob("*")):
                if not file.is_symlink():
                    file.chmod(0o755 if file.is_dir() or file.stat().st_mode & stat.S_IXUSR else 0o644)
            unfinished.rename(copy)
        return copy

    def _lie_elsewhere(self, account: pwd.struct_passwd) -> None:
        folder = STATE_ROOT / f"tabletalk-{secrets.token_hex(6)}"
        try:
            folder.mkdir()
            folder.chmod(0o711)
            self._link.symlink_to(folder)
        except OSError as error:
            raise ConfigurationError(
                f"Started by root, the servers run as {account.pw_name!r}, which may not enter {str(self.home)!r}; "
                f"and {str(folder)!r} cannot be made ({error.strerror}). Set TABLETALK_HOME to a folder it may enter."
            ) from None


def prepare_home(home: Path) -> None:
    """Make `home` and check that it can be written; ConfigurationError in one line when not."""
    try:
        if not home.exists():
            home.parent.mkdir(parents=True, exist_ok=True)
            # Root's servers run as another account, which passes through; what is private inside is 0600 or 0700.
            home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"\0")
            probe.flush()
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise cannot_write(home, error) from None


def require_space(folder: Path, wanted: int) -> None:
    """ConfigurationError when the disk that holds `folder` has fewer than `wanted` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ConfigurationError(
            f"The disk that holds {str(folder)!r} is full: {free // 1_000_000} MB free, "
            f"{wanted // 1_000_000} MB needed. Free some space, or set TABLETALK_HOME to a folder on another disk."
        )


def cannot_write(folder: Path, error: OSError) -> ConfigurationError:
    """Put a failed write into one line that says what to do."""
    reason = REASONS.get(error.errno or 0) or error.strerror or str(error)
    return ConfigurationError(
        f"Cannot write in {str(folder)!r}: {reason}. Set TABLETALK_HOME to a folder you can write to."
    )


def can_enter(path: Path, account: pwd.struct_passwd) -> bool:
    """Tell by mode bits whether `account` may enter the folder `path` and all of its parents."""
    resolved = path.resolve()
    return all(_may(folder, account, 0o1) for folder in (resolved, *resolved.parents))


def _may(path: Path, account: pwd.struct_passwd, bit: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    if found.st_uid == account.pw_uid:
        return bool(found.st_mode & bit << 6)
    if found.st_gid == account.pw_gid:
        return bool(found.st_mode & bit << 3)
    return bool(found.st_mode & bit)
