"""What a question says before it is known which table owns each word: picks, tests, groups, orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from assistant.offline.mentions import Link
from assistant.offline.periods import Period

Operand = str | int | float | date | Period
"""What a column is compared with; a Pick or a Subquery stands beside it in a test."""


DURATION = "duration"
"""The hint of a date that ends a stretch of time: `delivery time`."""


@dataclass
class Var:
    """A word that names a table or a column, with what it may stand for."""

    kind: str
    """`table` or `column`."""
    text: str
    links: list[Link]
    near: Var | None = None
    """A table mention beside it, which probably owns it."""
    tight: bool = False
    """True when that mention stands right beside it (`names of students`)."""
    hint: str = ""
    """Set for a column that is only implied (`oldest`): the kind of column."""
    start: int = 0
    toward: str = ""
    """`to` or `from` where the words before a value say which end of a way it is."""
    told: frozenset[str] = frozenset()
    """Stems of the words right before a value: `directed by X` asks a column called after directing."""
    owned: bool = False
    """True for a value that has, makes or holds what is asked for (`albums by X`), not one that names it."""


@dataclass
class Pick:
    """A column, a count or another aggregate; `var` a table means its rows (or its name)."""

    var: Var | None
    agg: str = ""
    distinct: bool = False
    bucket: str = ""
    measure: str = ""
    of: Var | None = None


@dataclass
class Subquery:
    """An aggregate to compare with: `the average salary of engineers`."""

    agg: str
    var: Var | None
    tests: list[Test] = field(default_factory=list)
    table: Var | None = None


@dataclass
class Test:
    """One condition; `values` holds more than one for lists (`joined` says how)."""

    pick: Pick
    op: str
    values: list[Operand | Subquery | Pick | Link] = field(default_factory=list)
    joined: str = "or"
    negated: bool = False
    either: bool = False
    """Joined with the test before it by `or`."""
    options: list[Link] = field(default_factory=list)
    """Columns that hold the value, when the value is a stored one."""
    start: int = 0


@dataclass
class Super:
    """A superlative: order by `pick`, keep the best `count`."""

    pick: Pick
    descending: bool
    count: int = 1
    plural: bool = False
    frequent: bool = False
    many: bool = False
    """Asked in the plural (`best customers`) without a number."""


@dataclass
class Lack:
    """What must not exist: rows of a table, with their own tests."""

    table: Var | None
    more: list[Var] = field(default_factory=list)
    """Further tables named within the negation."""
    tests: list[Test] = field(default_factory=list)
    has: bool = False
    """Said of what one has or did (`without`, `never`, `have no`), not of what one is."""


@dataclass
class Order:
    """A sort key."""

    pick: Pick
    descending: bool = False
    amount: bool = False
    """By how much there is (`largest first`), when no key is named."""


@dataclass
class Sketch:
    """The whole question, unresolved."""

    subject: Var | None = None
    tables: list[Var] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    groups: list[Pick] = field(default_factory=list)
    supers: list[Super] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    lacks: list[Lack] = field(default_factory=list)
    distinct: bool = False
    everything: bool = False
    details: bool = False
    """Asked for as details: a column of that name goes before all columns."""
    limit: int | None = None
    share: bool = False
    both: bool = False
    together: list[Var] = field(default_factory=list)
    """Two tables joined by a word: `customers and suppliers`."""
    apart: bool = False
    """Joined by `or`: either of them will do."""
    who: bool = False
    lacking: bool = False
    """Rows with none are counted too: `including those with none`."""
    unknown: list[str] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    """Words that are only related to a column."""
    dropped: list[str] = field(default_factory=list)
    """Words understood but not used."""
    features: dict[str, float] = field(default_factory=dict)
