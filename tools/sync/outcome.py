"""What a run says at its end: the counts of all tables, and the state that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.errors import QueryFailed
from tools.jobs import Outcome
from tools.sync.load import Counts


@dataclass
class Report:
    """What has become of each table of a run so far."""

    database: str
    done: dict[str, Counts] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """Table -> what is worth saying: `full, for it has no column that tells changes`."""
    failed: dict[str, str] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    """Table -> rows that were expected, of tables read in full."""
    drift: list[str] = field(default_factory=list)
    rates: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sum(self) -> Counts:
        """The counts of all tables together."""
        return sum(self.done.values(), Counts())

    def counts(self, going: Mapping[str, Counts] | None = None) -> dict[str, Any]:
        """The counts as they stand on the job; `going` are tables in the middle of their run."""
        all_of_them = {**self.done, **(going or {})}
        tables = {name: {**counts.as_dict(), "told": self.told.get(name, "")} for name, counts in all_of_them.items()}
        tables |= {name: {"error": reason} for name, reason in self.failed.items()}
        return {**sum(all_of_them.values(), Counts()).as_dict(), "tables": tables}

    def outcome(self) -> Outcome:
        """How the run ended; raises when no table could be read at all."""
        if self.failed and not self.done:
            name, reason = next(iter(self.failed.items()))
            several = f" ({len(self.failed)} tables alike)" if len(self.failed) > 1 else ""
            error = QueryFailed(f"{name} of {self.database} could not be synced{several}: {reason}")
            error.passing = False
            raise error
        total = self.sum
        counts = self.counts() | ({"drift": " ".join(self.drift)} if self.drift else {})
        if self.failed or total.rejected:
            return Outcome(state="partial", counts=counts, message=self._message())
        if total.read == 0 and sum(self.expected.values()) > 0:
            rows = sum(self.expected.values())
            message = f"Nothing was read, though about {rows:,} rows were expected. {self._message()}"
            return Outcome(state="empty", counts=counts, message=message)
        return Outcome(state="succeeded", counts=counts, message=self._message())

    def _told_alike(self) -> list[str]:
        """What is worth saying, once for all tables of which the same is said."""
        alike: dict[str, list[str]] = {}
        for name, told in self.told.items():
            alike.setdefault(told, []).append(name)
        return [
            f"{names[0]} {told}{f'; {len(names) - 1} more tables likewise' if len(names) > 1 else ''}."
            for told, names in alike.items()
            if told
        ]

    def _message(self) -> str:
        total = self.sum
        parts = [
            f"{number:,} {name}"
            for name, number in total.as_dict().items()
            if number and name not in ("read", "restored")
        ]
        what = next(iter(self.done)) if len(self.done) == 1 else f"{len(self.done)} tables"
        said = [f"{what}: {total.read:,} rows read ({', '.join(parts)})." if parts else f"{what}: nothing to read."]
        said += self._told_alike()[:5]
        said += self.drift[:5]
        if total.rejected:
            names = [name for name, counts in self.done.items() if counts.rejected]
            said.append(f"Rejected rows of {', '.join(names[:5])} are kept aside with the reason.")
        if self.failed:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(self.failed.items())[:5])
            said.append(f"Failed: {len(self.failed)}. {reasons}")
        return " ".join(said)
