"""A result as a file: CSV and XLSX, with cells that would start a formula defused."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Literal

import xlsxwriter

from tools.connectors.base import Frozen, Rows
from tools.errors import NotFound
from tools.queries.history import Query

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula; numbers are numbers here, so a text may lose nothing by it."""

Kind = Literal["csv", "xlsx"]

MEDIA: dict[Kind, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ResultFile(Frozen):
    """A result as a file to save."""

    name: str
    media_type: str
    body: bytes


def as_file(query: Query, kind: Kind) -> ResultFile:
    """Give the rows of an entry of the history as a file; NotFound, with the reason, when it gave none."""
    if query.result is None:
        raise NotFound(f"Query {str(query.id)!r} gave no rows: {query.error}")
    body = (to_csv if kind == "csv" else to_xlsx)(query.result)
    name = f"{query.database}-{query.created_at:%Y%m%d-%H%M%S}.{kind}"
    return ResultFile(name=name, media_type=MEDIA[kind], body=body)


def to_csv(rows: Rows) -> bytes:
    """Comma-separated, UTF-8 with a byte-order mark: without it Excel reads accents wrong."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([_defused(column.name) for column in rows.columns])
    writer.writerows(_cells(rows))
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def to_xlsx(rows: Rows) -> bytes:
    """One sheet, header in bold and frozen; numbers stay numbers, text is never read as a formula or a link."""
    written = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(written, {"in_memory": True, "nan_inf_to_errors": True, **options}) as book:
        sheet = book.add_worksheet("Result")
        sheet.write_row(0, 0, [_defused(column.name) for column in rows.columns], book.add_format({"bold": True}))
        for number, row in enumerate(_cells(rows), start=1):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return written.getvalue()


def _cells(rows: Rows) -> Iterator[list[Any]]:
    # A number too long for a float comes as text: its sign is no formula.
    plain = [column.family == "number" for column in rows.columns]
    for row in rows.rows:
        yield [cell if number else _defused(cell) for cell, number in zip(row, plain, strict=True)]


def _defused(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
