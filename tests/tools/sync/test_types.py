"""Every type of column: the same data gives the same document and the same hash, whatever dialect it came from."""

from typing import Any

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync
from tools import sync
from tools.sync import PlanChanges
from tools.toolbox import Actor, Toolbox

LONG = "späť " * 9000
BLOB = bytes(range(256)) * 8
TEXTS = (
    "plain",
    "",
    'it\'s "quoted" \\ back\\slash \\n',
    "tab\tnew\nline\rreturn \b\f\x01\x1f\x7f",
    "naïve 日本語 🦊👩‍👩‍👧 \u2028",
    "{curly} %s %b %% \\u0000 \\N",
    "  padded  ",
    LONG,
)
JSONS = (
    '{"a": [1, 2.50, -1e3, true, null], "b": {"c": "d\\"e\\\\f\\n\\u00e4"}}',
    '"text"',
    "17",
    "null",
    "[]",
    '  {\n\t"spaced" : "späť 🦊 \\ud83e\\udd8a" }\n',
    '{"twice": 1, "twice": 2, "long": "' + "x" * 70_000 + '"}',
)
PAIRS: tuple[tuple[str, str, str, tuple[Any, ...]], ...] = (
    ("small", "smallint", "smallint", (-32768, 0, 32767, None)),
    ("whole", "int", "int", (-2147483648, 7, 2147483647, None)),
    ("big", "bigint", "bigint", (-(2**63), 2**53 + 1, 2**63 - 1, None)),
    ("price", "numeric(30,10)", "decimal(30,10)", ("0.5", "-12345678901234567890.0123456789", "10", None)),
    ("ratio", "double precision", "double", (0.1, -1.5e-300, 1e20, 12345678.9, None)),
    ("near", "real", "float", (0.5, -2.25, 1000, None)),
    ("flag", "boolean", "tinyint(1)", (True, False, None)),
    ("name", "varchar(60000)", "mediumtext", (*TEXTS, None)),
    ("note", "text", "longtext", (*TEXTS, None)),
    ("code", "char(12)", "char(12)", ("A1", "späť", "x y", None)),
    ("kind", "mood", "enum('calm','odd ''one''')", ("calm", "odd 'one'", None)),
    ("day", "date", "date", ("2026-02-28", "1000-01-01", "9999-12-31", None)),
    (
        "at",
        "timestamp",
        "datetime(6)",
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05.1", "1999-12-31 23:59:59.999999", None),
    ),
    ("seen", "timestamptz", "timestamp(6) NULL", ("2026-01-02 03:04:05", "2026-07-02 00:00:00.25", None)),
    ("clock", "time", "time(6)", ("03:04:05", "23:59:59.5", "00:00:00", None)),
    ("raw", "bytea", "longblob", (b"", b"\x00\xff", BLOB[:256], BLOB, None)),
    ("uid", "uuid", "uuid", ("123e4567-e89b-12d3-a456-426614174000", None)),
    ("host", "inet", "inet6", ("2001:db8::1", None)),
    ("facts", "jsonb", "json", (*JSONS, None)),
    ("plain_facts", "json", "json", (*JSONS, None)),
)


def literal(value: Any, dialect: str, spelled: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, bytes):
        return f"decode('{value.hex()}', 'hex')" if dialect == "postgres" else f"x'{value.hex()}'"
    if isinstance(value, int | float):
        return repr(value)
    zone = "+00" if dialect == "postgres" and spelled == "timestamptz" else ""
    text = value.replace("'", "''")
    return f"'{text}{zone}'" if dialect == "postgres" else "'" + text.replace("\\", "\\\\") + "'"


async def filled(source: Source) -> None:
    """A table with a row for each place in the longest list of values; the shorter ones begin anew."""
    column = 1 if source.dialect == "postgres" else 2
    if source.dialect == "postgres":
        await source.run("CREATE TYPE mood AS ENUM ('calm', 'odd ''one''')")
    else:
        await source.run("SET SESSION time_zone = '+00:00'")
    columns = ", ".join(f"{pair[0]} {pair[column]}" for pair in PAIRS)
    await source.run(f"CREATE TABLE things (id int, part varchar(20), {columns}, PRIMARY KEY (id, part))")
    for row in range(max(len(pair[3]) for pair in PAIRS)):
        values = ", ".join(literal(pair[3][row % len(pair[3])], source.dialect, str(pair[column])) for pair in PAIRS)
        await source.run(f"INSERT INTO things VALUES ({row}, 'p\"{row}', {values})")


async def test_both_dialects_give_the_same_documents(
    toolbox: Toolbox, actor: Actor, postgres: Source, mysql: Source
) -> None:
    for source in (postgres, mysql):
        await filled(source)
        await sync.edit_plan(
            toolbox, actor, source.name, "things", PlanChanges(tags=("kind", "flag"), title=("code", "note", "day"))
        )
        job = await run_sync(toolbox, actor, "things", source.name)
        assert (job.state, job.counts["rejected"], job.counts["read"]) == ("succeeded", 0, len(TEXTS) + 1), job.error
    every = await documents(toolbox, actor)
    ours = [one for one in every if one["table_name"] == "public.things"]
    theirs = [one for one in every if one["table_name"] != "public.things"]
    for one, other in zip(ours, theirs, strict=True):
        for name in ("source_key", "entity", "title", "body", "tags", "happened_at", "data", "hash"):
            assert one[name] == other[name], name
    data = ours[0]["data"]
    assert (data["small"], data["flag"], data["raw"], data["at"]) == (-32768, True, "0x", "2026-01-02T03:04:05")
    assert data["seen"] == "2026-01-02T03:04:05+00:00"
    assert ours[0]["source_key"] == '["0", "p\\"0"]'
    assert ours[7]["data"]["note"] == LONG and len(ours[7]["body"]) < 2 * len(LONG)
    assert ours[3]["data"]["raw"].startswith("0x000102") and ours[3]["data"]["raw"].count(" 2048 bytes, md5 ") == 1


OF_POSTGRES: dict[str, tuple[str, str, Any]] = {
    "endless": ("timestamptz", "'infinity'", "infinity"),
    "before": ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
    "none": ("double precision", "'NaN'", "NaN"),
    "huge": ("numeric", "'NaN'", "NaN"),
    "span": ("interval", "'1 year 2 days 03:04:05'", "1 year 2 days 03:04:05"),
    "clock": ("timetz", "'03:04:05+02'", "03:04:05+02"),
    "cash": ("money", "'12.34'::numeric::money", 12.34),
    "bits": ("bit(4)", "B'0101'", "0101"),
    "plain_json": ("json", """'{"a": [1, "x\\u0000y"]}'""", {"a": [1, "x\ufffdy"]}),
    "binary_json": ("jsonb", """'{"b": {"c": null}}'""", {"b": {"c": None}}),
    "list": ("int[]", "'{1,NULL,3}'", [1, None, 3]),
    "texts": ("text[]", """ARRAY['a"b', 'c,d']""", ['a"b', "c,d"]),
    "span_of": ("int4range", "'[1,5)'", "[1,5)"),
    "spans": ("int4multirange", "'{[1,3),[5,7)}'", "{[1,3),[5,7)}"),
    "place": ("point", "'(1,2)'", "(1,2)"),
    "net": ("cidr", "'10.0.0.0/8'", "10.0.0.0/8"),
    "mac": ("macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    "words": ("tsvector", "'fat cat'::tsvector", "'cat' 'fat'"),
    "markup": ("xml", "'<a>b</a>'::xml", "<a>b</a>"),
    "made": ("posint", "7", 7),
    "pair": ("pairs", "ROW(1, 'two')", {"x": 1, "y": "two"}),
    "letter": ('"char"', "'z'", "z"),
    "label": ("name", "'a name'", "a name"),
    "double": ("int GENERATED ALWAYS AS (1 + 1) STORED", "DEFAULT", 2),
    "object": ("oid", "42", "42"),
}


async def test_every_type_of_postgres(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run("CREATE DOMAIN posint AS int CHECK (VALUE > 0); CREATE TYPE pairs AS (x int, y text)")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in OF_POSTGRES.items())
    await postgres.run(f"CREATE TABLE odd (id int PRIMARY KEY, {columns})")
    values = ", ".join(value for _, value, _ in OF_POSTGRES.values())
    await postgres.run(f"INSERT INTO odd VALUES (1, {values}); INSERT INTO odd (id) VALUES (2)")
    job = await run_sync(toolbox, actor)
    assert (job.state, job.counts["read"], job.counts["rejected"]) == ("succeeded", 2, 0), (job.error, job.stage)
    full, bare = await documents(toolbox, actor)
    assert full["data"] == {"id": 1} | {name: expected for name, (_, _, expected) in OF_POSTGRES.items()}
    assert bare["data"] == {"id": 2} | dict.fromkeys(OF_POSTGRES) | {"double": 2}


OF_MYSQL: dict[str, tuple[str, str, Any]] = {
    "tiny": ("tinyint unsigned", "255", 255),
    "middle": ("mediumint", "-8388608", -8388608),
    "most": ("bigint unsigned", "18446744073709551615", 2**64 - 1),
    "padded": ("int(6) zerofill", "42", 42),
    "padded_more": ("decimal(8,2) zerofill", "0.5", 0.5),
    "no_flag": ("tinyint(1)", "5", 5),
    "bits": ("bit(12)", "b'101'", 5),
    "made_in": ("year", "2026", 2026),
    "several": ("set('a','b','c')", "'a,c'", "a,c"),
    "no_day": ("date", "'0000-00-00'", "0000-00-00"),
    "long_time": ("time", "'-838:59:59'", "-838:59:59"),
    "nul": ("varchar(20)", "'x\\0y'", "x\ufffdy"),
    "latin": ("varchar(20) CHARACTER SET latin1", "'spät'", "spät"),
    "place": ("point", "ST_GeomFromText('POINT(1 2)')", "POINT(1 2)"),
    "fixed": ("binary(3)", "'ab'", "0x616200"),
    "short": ("varbinary(10)", "''", "0x"),
    "total": ("int AS (1 + 1) STORED", "DEFAULT", 2),
    "tale": ("tinytext", "'once'", "once"),
    "small": ("tinyblob", "x'00'", "0x00"),
}


async def test_every_type_of_mysql(toolbox: Toolbox, actor: Actor, mysql: Source) -> None:
    await mysql.run("SET SESSION sql_mode = ''")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in OF_MYSQL.items())
    await mysql.run(f"CREATE TABLE odd (id int PRIMARY KEY, {columns})")
    values = ", ".join(value for _, value, _ in OF_MYSQL.values())
    await mysql.run(f"INSERT INTO odd VALUES (1, {values}); INSERT INTO odd (id) VALUES (2)")
    job = await run_sync(toolbox, actor, database="shop_my")
    assert (job.state, job.counts["read"], job.counts["rejected"]) == ("succeeded", 2, 0), (job.error, job.stage)
    full, bare = await documents(toolbox, actor)
    assert full["data"] == {"id": 1} | {name: expected for name, (_, _, expected) in OF_MYSQL.items()}
    assert full["happened_at"] is None
    assert bare["data"]["tale"] is None
