"""Documents cost less to write: a trigger in the place of a foreign key, and PostgreSQL's own hash in that of MD5."""

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KEY = "fk_documents_database_id"
HASH = "int8send(hash_record_extended(ROW(d.entity, d.title, d.body, d.tags, d.happened_at, d.data::text), 0))"
MD5 = """decode(md5(concat_ws(chr(31), d.entity, d.title, d.body, array_to_string(d.tags, chr(30)),
    coalesce(extract(epoch FROM d.happened_at)::text, ''), d.data::text)), 'hex')"""


def upgrade() -> None:
    """Put the trigger in the place of the foreign key, and hash what is there anew."""
    op.drop_constraint(KEY, "documents", schema="tabletalk", type_="foreignkey")
    op.execute("""
        CREATE FUNCTION tabletalk.forget_documents() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM tabletalk.documents WHERE database_id = OLD.id;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER forget_documents AFTER DELETE ON tabletalk.databases
        FOR EACH ROW EXECUTE FUNCTION tabletalk.forget_documents()
    """)
    _hash(HASH)


def downgrade() -> None:
    """Put the foreign key back, and MD5."""
    op.execute("DROP TRIGGER forget_documents ON tabletalk.databases")
    op.execute("DROP FUNCTION tabletalk.forget_documents()")
    op.execute(
        "DELETE FROM tabletalk.documents d WHERE NOT EXISTS (SELECT FROM tabletalk.databases WHERE id = d.database_id)"
    )
    op.create_foreign_key(
        KEY,
        "documents",
        "databases",
        ["database_id"],
        ["id"],
        source_schema="tabletalk",
        referent_schema="tabletalk",
        ondelete="CASCADE",
    )
    _hash(MD5)


def _hash(how: str) -> None:
    """Hash documents anew, and say of vectors that are up to date that they stay so."""
    for table in ("documents", "document_embeddings"):  # forced again, with all others, at the end of a migration
        op.execute(f"ALTER TABLE tabletalk.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(f"""
        UPDATE tabletalk.document_embeddings e SET hash = {how}
        FROM tabletalk.documents d WHERE d.id = e.document_id AND e.hash = d.hash
    """)  # noqa: S608 - constants
    op.execute(f"UPDATE tabletalk.documents d SET hash = {how}")  # noqa: S608 - constants
