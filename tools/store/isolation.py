"""Row-level security of the store: a transaction sees the rows of one workspace, and PostgreSQL holds it to that.

Nothing runs as the store's login but migrations. Every other transaction takes one of two roles that own nothing and
cannot bypass security: `tabletalk_app` within one workspace, `tabletalk_all` for what spans them. `isolate` runs after
the migrations and covers every table there is, so a new table needs a `workspace_id` and no more.

Under row-level security an index serves only operators that PostgreSQL trusts not to leak (`leakproof`): full text and
trigrams are declared so where the login may declare it, and elsewhere read the rows of the workspace.
"""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from tools.errors import ConfigurationError

APP = "tabletalk_app"
ALL = "tabletalk_all"

ENTER_ALL = f"SELECT set_config('role', '{ALL}', true), set_config('tabletalk.workspace', '', true)"
"""What a transaction begins with that spans workspaces; role and setting end with it."""

HERE = "(SELECT nullif(current_setting('tabletalk.workspace', true), '')::uuid)"
"""The workspace of the transaction; NULL, which equals nothing, outside of one."""

SCHEMAS = ("tabletalk", "chat")
UNOWNED = {"tabletalk.alembic_version"}
"""Tables that hold nothing of anybody."""

VISIBLE = {
    "tabletalk.workspaces": f"id = {HERE}",
    "tabletalk.users": (
        f"id IN (SELECT user_id FROM tabletalk.members WHERE workspace_id = {HERE} "  # noqa: S608
        f"UNION ALL SELECT user_id FROM tabletalk.widget_guests WHERE workspace_id = {HERE})"
    ),
}
"""Which rows a workspace sees, where that is not told by `workspace_id`."""

RIGHTS = {
    "tabletalk.workspaces": "SELECT",
    "tabletalk.members": "SELECT",
    "tabletalk.users": "SELECT (id, name, created_at)",
    "tabletalk.refresh_tokens": "",
    "tabletalk.api_keys": (
        "INSERT, UPDATE (revoked_at), "
        "SELECT (id, workspace_id, created_by, created_at, name, prefix, scope, expires_at, last_used_at, revoked_at)"
    ),
}
"""What a workspace may do with a table; everything with all others. assistant.accounts writes who belongs where."""

APPEND_ONLY = {"tabletalk.audit"}
"""Tables that both roles may read and add to, and nothing else."""

WANTED = f"""As an administrator of the store's server, once:
    CREATE ROLE {APP} NOLOGIN; CREATE ROLE {ALL} NOLOGIN; GRANT {APP}, {ALL} TO {{login}};
then `tabletalk migrate`."""

TABLES = """
    SELECT n.nspname || '.' || c.relname AS name,
           EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND a.attnotnull) AS owned
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p')
    ORDER BY 1
"""

UNGUARDED = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
"""
"""Tables that everybody's rows would be seen of."""

LEAKPROOF = """
    SELECT p.oid::regprocedure::text FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
    WHERE o.oprname IN ('@@', '%', '<%', '%>') AND NOT p.proleakproof
      AND (o.oprleft::regtype::text IN ('tsvector') OR p.proname LIKE '%similarity%')
"""


def enter(workspace_id: UUID) -> str:
    """What a transaction of one workspace begins with; role and setting end with it."""
    # The text goes to the server as it is: nothing but the letters of an id may be in it.
    here = UUID(str(workspace_id))
    return f"SELECT set_config('role', '{APP}', true), set_config('tabletalk.workspace', '{here}', true)"


def isolate(connection: Connection) -> None:
    """Make both roles, and policies and rights on every table; ConfigurationError when the login may not make roles."""
    _make_roles(connection)
    for schema in SCHEMAS:
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {APP}, {ALL}"))
    for name in UNOWNED:
        connection.execute(text(f"GRANT SELECT ON {name} TO {ALL}"))
    for name, owned in connection.execute(text(TABLES), {"schemas": list(SCHEMAS)}).all():
        if name in UNOWNED:
            continue
        if not owned and name not in VISIBLE:
            raise ConfigurationError(f"The table {name} has no `workspace_id` NOT NULL: its rows would be everybody's.")
        for statement in _policies(name):
            connection.execute(text(statement))
    if connection.scalar(text("SELECT usesuper FROM pg_user WHERE usename = current_user")):
        for function in connection.scalars(text(LEAKPROOF)).all():
            connection.execute(text(f"ALTER FUNCTION {function} LEAKPROOF"))


def _policies(name: str) -> Iterator[str]:
    visible = VISIBLE.get(name, f"workspace_id = {HERE}")
    every = "SELECT, INSERT" if name in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
    rights = RIGHTS.get(name, every)
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    for policy, role, condition in (("one_workspace", APP, visible), ("all_workspaces", ALL, "true")):
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
        yield f"CREATE POLICY {policy} ON {name} TO {role} USING ({condition}) WITH CHECK ({condition})"
    yield f"REVOKE ALL ON {name} FROM {APP}, {ALL}"
    if rights:
        yield f"GRANT {rights} ON {name} TO {APP}"
    yield f"GRANT {every} ON {name} TO {ALL}"


def _make_roles(connection: Connection) -> None:
    """Make the roles and let the login take them, as far as it may not already."""
    login = connection.scalar(text("SELECT quote_ident(current_user)"))
    try:
        for role in (APP, ALL):
            if not connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}):
                connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
            if not _may_take(connection, role):
                connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
    except ProgrammingError as error:
        reason = str(error.orig).partition(": ")[2] or str(error.orig)
        raise ConfigurationError(
            f"The store keeps workspaces apart by two roles, which {login} may not make ({reason}). "
            + WANTED.format(login=login)
        ) from None


def _may_take(connection: Connection, role: str) -> bool:
    """Whether the login may SET ROLE to `role` and has its rights by itself: both are asked for in PostgreSQL 16."""
    if connection.scalar(text("SELECT usesuper FROM pg_user WHERE usename = current_user")):
        return True
    kinds = ("SET", "USAGE") if (connection.dialect.server_version_info or (0,)) >= (16,) else ("MEMBER", "USAGE")
    asked = text("SELECT bool_and(pg_has_role(current_user, :role, kind)) FROM unnest(CAST(:kinds AS text[])) kind")
    return bool(connection.scalar(asked, {"role": role, "kinds": list(kinds)}))
