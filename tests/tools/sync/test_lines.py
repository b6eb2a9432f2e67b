"""Rows of MySQL become lines without a byte lost: random texts of all lengths, through a real server and the store."""

import json
import random
from typing import Any

import aiomysql
import pytest
from sqlalchemy import make_url

from tests.conftest import MYSQL
from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync
from tools import schemas, sync
from tools.errors import QueryFailed
from tools.sync import PlanChanges
from tools.sync.mysql_lines import Lines
from tools.toolbox import Actor, Toolbox

ALPHABETS = (
    "ab ",
    '\\"',
    "".join(map(chr, range(32))),
    "\\u0000/'`%{}[],:",
    "äß€🦊\u2028\U0010fffd\ud7ff\ufeff",
    "nrtbN\t\n",
)
LENGTHS = (0, 1, 3, 249, 250, 251, 252, 65_535, 65_536, 70_000)
"""Those at which the length of a value, or of a row, takes another form on the wire are among them."""
ROWS = 400


def random_text(chance: random.Random, most: int) -> str:
    letters = "".join(chance.sample(ALPHABETS, chance.randint(1, 3)))
    length = chance.choice(LENGTHS) if chance.random() < 0.2 else chance.randint(0, 40)
    return "".join(chance.choices(letters, k=min(length, most)))


def kept(text: str | None) -> str | None:
    return text if text is None else text.replace("\x00", "\ufffd")


async def insert(database: str, rows: list[tuple[Any, ...]]) -> None:
    url = make_url(MYSQL)
    wire = await aiomysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", db=database,
        charset="utf8mb4", autocommit=True,
    )  # fmt: skip
    async with wire.cursor() as cursor:
        await cursor.executemany("INSERT INTO texts VALUES (%s, %s, %s, %s, %s, %s)", rows)
    wire.close()


async def test_texts_of_every_kind_and_length_arrive_as_they_are(toolbox: Toolbox, actor: Actor, mysql: Source) -> None:
    chance = random.Random(7)
    await mysql.run(
        "CREATE TABLE texts (id int, part varchar(60) COLLATE utf8mb4_bin, name varchar(300), note longtext, "
        "told text NOT NULL, kind varchar(200) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (id, part))"
    )
    database = await schema_of(toolbox, actor, mysql)
    rows = [
        (
            number,
            random_text(chance, 60),
            random_text(chance, 300) if number % 7 else None,
            random_text(chance, 10**6) if number % 5 else None,
            random_text(chance, 15_000),
            random_text(chance, 200) if number % 3 else None,
        )
        for number in range(ROWS)
    ]
    await insert(database, rows)
    changes = PlanChanges(title=("name",), body=("note", "told"), tags=("kind",), constants={'a "b"\\': "c\t'\n"})
    await sync.edit_plan(toolbox, actor, mysql.name, "texts", changes)
    job = await run_sync(toolbox, actor, "texts", mysql.name)
    assert (job.state, job.counts["read"], job.counts["rejected"]) == ("succeeded", ROWS, 0), job.error
    found = {json.loads(each["source_key"])[0]: each for each in await documents(toolbox, actor)}
    for number, part, name, note, told, kind in rows:
        document = found[str(number)]
        key = json.dumps([str(number), kept(part)], ensure_ascii=False)
        assert document["source_key"] == key
        assert document["data"] == {
            "id": number, "part": kept(part), "name": kept(name), "note": kept(note), "told": kept(told),
            "kind": kept(kind), 'a "b"\\': "c\t'\n",
        }  # fmt: skip
        assert document["title"] == (kept(name) or f"{document['entity'].capitalize()} {key}")[:300]
        assert document["body"] == "\n".join(kept(text)[:20_000] for text in (note, told) if text is not None)  # type: ignore[index]
        assert document["tags"] == ([f"kind:{kept(kind)[:100]}"] if kind is not None else [])  # type: ignore[index]


async def schema_of(toolbox: Toolbox, actor: Actor, mysql: Source) -> str:
    await schemas.refresh(toolbox, actor, mysql.name)
    return (await schemas.describe(toolbox, actor, mysql.name, "texts")).shape.schema_name


def test_text_that_is_not_utf8_is_refused_and_never_shifts_a_row() -> None:
    lines = Lines(("text", "json"))
    assert lines([b"1\xfe\xfc{\xff\xff: 2}", b"\\\xfe\xfc{\xff\xff: \xff\x01\xff}"]) == (
        b'1\t{"": 2}\n' + b'\\\\\t{"": "\\\\u0001"}\n'
    )
    with pytest.raises(QueryFailed, match="not valid in its character set"):
        lines([b"1\xfe\xfc{}", b"2\xfc\xfe\xfc{}"])
    with pytest.raises(QueryFailed, match="not valid in its character set"):
        lines([b"1\xfa\xfe\xfc{}", b"\n\xfe\xfc{}"])


def test_rows_with_something_to_escape_stand_beside_such_without() -> None:
    lines = Lines(("text", "array", "json"))
    rows = [
        b"1\xfea\xfbb\xfe\xfc{\xfft:x\xff}\xfc\xfe\xfd\xfe{\xffn\xff: 1}",
        b'2\xfea"\xfb\n\xfe\xfc{\xfft:"\xff}\xfc\xfe\xfd\xfe{\xffn\xff: \xff"\\\n\xff}',
        b"3\xfe\xfe\xfc{}\xfc\xfe\xfd\xfe{}",
    ]
    alone = [lines([row]) for row in rows]
    assert alone[0] == b'1\ta\\nb\t{"t:x"}\t\\N\t{"n": 1}\n'
    assert alone[1] == b'2\ta"\\n\\n\t{"t:\\\\""}\t\\N\t{"n": "\\\\"\\\\\\\\\\\\n"}\n'
    assert lines(rows) == b"".join(alone)
    assert lines(rows[::2]) == alone[0] + alone[2]
