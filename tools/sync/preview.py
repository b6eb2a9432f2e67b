"""What a sync would do, without doing it."""

from collections.abc import Mapping, Sequence

from tools import schemas
from tools.connectors.base import Frozen
from tools.errors import AssistantError, DatabaseUnreachable, StoreUnavailable
from tools.jobs import Outcome
from tools.sync.options import SyncOptions
from tools.sync.plan import SyncPlan
from tools.sync.planning import Task, look, plan_task
from tools.toolbox import Actor, Toolbox


class TablePreview(Frozen):
    """What would be read of one table."""

    table: str
    mode: str
    """full or incremental."""
    rows: int | None
    """About so many; None where nothing tells."""
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Columns that look secret."""
    watermark: str | None = None
    """The column that tells what has changed."""
    since: str | None = None
    """The value of it from which an incremental run reads."""
    entity: str = ""
    told: str = ""
    plan: SyncPlan | None = None
    error: str | None = None
    """Why it cannot be synced."""

    def __str__(self) -> str:
        if self.error:
            return f"{self.table}: cannot be synced: {self.error}"
        how = f"incremental by {self.watermark}" if self.mode == "incremental" else "full"
        if self.mode == "full" and self.watermark:
            how = f"full this time, then incremental by {self.watermark}"
        rows = f"about {self.rows:,} rows" if self.rows is not None else "rows not known"
        said = f"{self.table}: {how}, {rows}, {len(self.columns)} columns, each row a {self.entity}"
        said += f"; left out, look secret: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{said}; it {self.told}." if self.told else f"{said}."


class SyncPreview(Frozen):
    """What a sync would read, table by table."""

    database: str
    tables: tuple[TablePreview, ...]

    @property
    def rows(self) -> int:
        """About so many rows together."""
        return sum(table.rows or 0 for table in self.tables)

    def __str__(self) -> str:
        lines = [str(table) for table in self.tables] or ["No table to sync."]
        return "\n".join([f"A sync of {self.database} would read about {self.rows:,} rows:", *lines])


async def preview(
    box: Toolbox, actor: Actor, database: str, tables: str | Sequence[str] = "*", options: SyncOptions | None = None
) -> SyncPreview:
    """Tell what a sync would read; a table that could not be synced says why."""
    await schemas.refresh(box, actor, database)
    source = await look(box, actor, database)
    found = []
    for table in source.asked(tables):
        try:
            found.append(shown(await plan_task(box.settings, source, table, options or SyncOptions())))
        except (DatabaseUnreachable, StoreUnavailable):
            raise
        except AssistantError as error:
            found.append(TablePreview(table=table.shape.qualified_name, mode="full", rows=None, error=str(error)))
    return SyncPreview(database=database, tables=tuple(found))


def shown(task: Task) -> TablePreview:
    """What a task would read."""
    return TablePreview(
        table=task.name,
        mode=task.mode,
        rows=task.estimate,
        columns=tuple(field.column for field in task.plan.fields),
        left_out=task.plan.left_out,
        watermark=task.plan.watermark[0] if task.plan.watermark else None,
        since=task.since,
        entity=task.plan.entity,
        told=task.told,
        plan=task.plan,
    )


def seen(database: str, tasks: Sequence[Task], failed: Mapping[str, str]) -> Outcome:
    """The outcome of a dry run."""
    tables = [shown(task) for task in tasks]
    tables += [TablePreview(table=name, mode="full", rows=None, error=reason) for name, reason in failed.items()]
    told = SyncPreview(database=database, tables=tuple(tables))
    counts = {"read": 0, "rows_expected": told.rows, "dry_run": True}
    return Outcome(state="partial" if failed else "succeeded", counts=counts, message=str(told))
