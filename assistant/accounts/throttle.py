"""How often a password may be tried: guessing must not pay, and nobody is locked out for long by somebody else."""

from tools.errors import TooMany
from tools.limiter import looking, taking
from tools.toolbox import Toolbox

HERE = "5/5 minutes"
"""Tries of one name from one address."""
ADDRESS = "30/15 minutes"
"""Failures from one address, whatever the name."""
NAME = "100/hour"
"""Failures of one name, wherever they come from."""


async def admit(box: Toolbox, name: str, address: str) -> None:
    """Count a try; TooMany says when to come back."""
    rooms = await box.limiter.rooms(
        taking(HERE, "sign-in", name, address),
        looking(ADDRESS, "sign-in-failed", address),
        looking(NAME, "sign-in-failed", name),
    )
    if waits := [room.seconds for room in rooms if not room.free]:
        raise too_many("tries to sign in", max(waits))


async def wait(box: Toolbox, name: str, address: str) -> int:
    """Seconds until this name may be tried from this address; 0 when it may be now. Nothing is counted."""
    rooms = await box.limiter.rooms(
        looking(HERE, "sign-in", name[:100], address),
        looking(ADDRESS, "sign-in-failed", address),
        looking(NAME, "sign-in-failed", name[:100]),
    )
    return max((room.seconds for room in rooms if not room.free), default=0)


async def failed(box: Toolbox, name: str, address: str) -> None:
    """Count a wrong password."""
    await box.limiter.rooms(taking(ADDRESS, "sign-in-failed", address), taking(NAME, "sign-in-failed", name))


async def succeeded(box: Toolbox, name: str, address: str) -> None:
    """Forget the tries of who is in now."""
    await box.limiter.forget(HERE, "sign-in", name, address)


async def admit_refresh(box: Toolbox, address: str) -> None:
    """Count a refresh token that comes from `address`, whatever it is worth; TooMany says when to come back."""
    room = await box.limiter.take(f"{box.settings.refreshes_per_minute}/minute", "refresh", address)
    if not room.free:
        raise too_many("refresh tokens", room.seconds)


def too_many(what: str, seconds: int) -> TooMany:
    """Put into words when to come back."""
    minutes = -(-seconds // 60)
    wait = f"{seconds} s" if seconds < 60 else f"{minutes} minute{'s' * (minutes > 1)}"
    return TooMany(f"Too many {what}. Try again in {wait}.", seconds)
