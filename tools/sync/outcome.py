"""What a run says at its end: the counts of all tables, and the state that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.connectors.base import bare_names
from tools.errors import QueryFailed
from tools.jobs import Outcome
from tools.schemas import Drift, TableChange
from tools.sync.load import Counts
from tools.words import counted

NAMED = 3
"""Tables that a message names, at most."""


@dataclass
class Report:
    """What has become of each table of a run so far."""

    database: str
    done: dict[str, Counts] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """Table -> what is worth saying: `full, for it has no column that tells changes`."""
    modes: dict[str, str] = field(default_factory=dict)
    """Table -> full or incremental."""
    failed: dict[str, str] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    """Table -> rows that were expected, of tables read in full."""
    drift: list[TableChange] = field(default_factory=list)
    """Tables that have changed since the sync before."""
    gone: list[str] = field(default_factory=list)
    """Tables that are there no more."""
    remarks: list[str] = field(default_factory=list)
    """What is to be said of such tables beside."""
    rates: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sum(self) -> Counts:
        """The counts of all tables together."""
        return sum(self.done.values(), Counts())

    def counts(self, going: Mapping[str, Counts] | None = None) -> dict[str, Any]:
        """The counts as they stand on the job; `going` are tables in the middle of their run."""
        all_of_them = {**self.done, **(going or {})}
        tables = {
            name: {**counts.as_dict(), "told": self.told.get(name, ""), "mode": self.modes.get(name, "")}
            for name, counts in all_of_them.items()
        }
        tables |= {name: {"error": reason} for name, reason in self.failed.items()}
        return {**sum(all_of_them.values(), Counts()).as_dict(), "tables": tables}

    def changes(self) -> Drift | None:
        """What the run found changed; None when nothing."""
        found = Drift(database=self.database, removed=tuple(self.gone), changed=tuple(self.drift))
        return found if found.any else None

    def outcome(self) -> Outcome:
        """How the run ended; raises when no table could be read at all."""
        if self.failed and not self.done:
            name, reason = next((self._bare(name), reason) for name, reason in self.failed.items())
            several = f" ({len(self.failed)} tables alike)" if len(self.failed) > 1 else ""
            error = QueryFailed(f"{name} of {self.database} could not be synced{several}: {reason}")
            error.passing = False
            raise error
        total = self.sum
        counts = self.counts()
        if changes := self.changes():
            counts |= {"drift": str(changes), "changes": changes.model_dump(mode="json")}
        if self.failed or total.rejected:
            return Outcome(state="partial", counts=counts, message=self._message())
        if total.read == 0 and sum(self.expected.values()) > 0:
            rows = sum(self.expected.values())
            message = f"Nothing was read, though about {rows:,} rows were expected. {self._message()}"
            return Outcome(state="empty", counts=counts, message=message)
        return Outcome(state="succeeded", counts=counts, message=self._message())

    def _bare(self, name: str) -> str:
        """A table's name as people are told it."""
        return bare_names((*self.done, *self.failed, *self.gone, name))[name]

    def _told_alike(self) -> list[str]:
        """What is worth saying, once for all tables of which the same is said."""
        alike: dict[str, list[str]] = {}
        for name, told in self.told.items():
            alike.setdefault(told, []).append(self._bare(name))
        return [f"{names[0]} {told}{_likewise(len(names) - 1)}." for told, names in alike.items() if told]

    def _message(self) -> str:
        total = self.sum
        parts = [
            f"{number:,} {name}"
            for name, number in total.as_dict().items()
            if number and name not in ("read", "restored")
        ]
        names = [self._bare(name) for name in self.done]
        what = ", ".join(names) if len(names) <= NAMED else f"{len(names)} tables"
        rows = f"{counted(total.read, 'row')} read ({', '.join(parts)})"
        finished = " finished" if self.failed else ""
        said = [f"{what}{finished}: {rows if parts else 'nothing to read'}."]
        said += [f"{self._bare(name)} failed: {_sentence(reason)}" for name, reason in list(self.failed.items())[:5]]
        said += [f"{len(self.failed) - 5} more tables failed."] if len(self.failed) > 5 else []
        said += self._told_alike()[:5]
        said += [str(changes)] if (changes := self.changes()) else []
        said += self.remarks[:5]
        if total.rejected:
            names = [self._bare(name) for name, counts in self.done.items() if counts.rejected]
            said.append(f"Rejected rows of {', '.join(names[:5])} are kept aside with the reason.")
        return " ".join(said)


def _likewise(more: int) -> str:
    return f"; {more} more {'table' if more == 1 else 'tables'} likewise" if more else ""


def _sentence(reason: str) -> str:
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
