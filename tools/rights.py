"""What each role may do; every capability asks here, once, at its entrance.

A viewer asks and searches. An editor also registers, trains, syncs, schedules and corrects. An admin also manages
members, keys, policies and budgets.
"""

from tools.errors import NotAllowed
from tools.toolbox import Actor, Role

ORDER: tuple[Role, ...] = ("viewer", "editor", "admin")


class RoleRefused(NotAllowed):
    """A person's role is too small for what they asked; the door that tells them has it noted (tools.audit)."""

    def __init__(self, message: str, actor: Actor, deed: str) -> None:
        """Take the message, who asked, and for what."""
        super().__init__(message)
        self.actor, self.deed = actor, deed


def at_most(role: Role, most: Role) -> Role:
    """The lesser of two roles: what a key with the scope `most` leaves of a person's `role`."""
    return min(role, most, key=ORDER.index)


def only_own(actor: Actor) -> bool:
    """Whether a person sees no more than their own work: guests share a workspace, but are no team."""
    return actor.door == "widget"


def may_change(actor: Actor, deed: str) -> None:
    """Raise RoleRefused for a viewer; `deed` is what was asked for, as in "train tables"."""
    _require(actor, "editor", deed, "ask an editor or admin")


def may_manage(actor: Actor, deed: str) -> None:
    """Raise RoleRefused for everybody but an admin."""
    _require(actor, "admin", deed, "ask an admin")


def _require(actor: Actor, least: Role, deed: str, advice: str) -> None:
    if ORDER.index(actor.role) < ORDER.index(least):
        article = "An" if actor.role == "editor" else "A"
        raise RoleRefused(f"{article} {actor.role} may not {deed}; {advice}.", actor, deed)
