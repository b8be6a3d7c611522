"""The audit trail's table, which only grows: no row of it is changed or removed, and a new one must follow the last.

Frozen: change it in a later migration. It has no Piccolo table, because nothing but `fluxgate.audit.chain` touches it.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-24T09:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Audit trail"

TABLE = """
    CREATE TABLE audit_records (
        seq BIGINT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('intent', 'outcome', 'denied', 'checkpoint')),
        at TEXT NOT NULL,
        change BIGINT,
        request_id TEXT NOT NULL,
        principal TEXT NOT NULL,
        principal_name TEXT NOT NULL,
        method TEXT NOT NULL,
        credential TEXT NOT NULL,
        action TEXT NOT NULL,
        http_method TEXT NOT NULL,
        path TEXT NOT NULL,
        params TEXT NOT NULL,
        client TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        target TEXT NOT NULL,
        status BIGINT NOT NULL,
        result TEXT NOT NULL,
        code TEXT NOT NULL,
        details TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL,
        CHECK ((kind = 'outcome') = (change IS NOT NULL))
    )
"""
INDEXES = (
    # an intent has one outcome
    "CREATE UNIQUE INDEX idx_audit_records_change ON audit_records (change) WHERE change IS NOT NULL",
    "CREATE INDEX idx_audit_records_at ON audit_records (at)",
    "CREATE INDEX idx_audit_records_principal ON audit_records (principal, seq)",
    "CREATE INDEX idx_audit_records_action ON audit_records (action, seq)",
)
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
    """
    CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
    # also keeps INSERT OR REPLACE out, which asks no other trigger
    """
    CREATE TRIGGER audit_records_in_order BEFORE INSERT ON audit_records
    WHEN NEW.seq <> COALESCE((SELECT max(seq) FROM audit_records), 0) + 1
        OR NEW.previous <> COALESCE((SELECT hash FROM audit_records WHERE seq = NEW.seq - 1), NEW.previous)
    BEGIN SELECT RAISE(ABORT, 'a record of the audit trail must follow the last one'); END
    """,
)
POSTGRES_FUNCTIONS = (
    """
    CREATE FUNCTION audit_records_refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END
    $$
    """,
    """
    CREATE FUNCTION audit_records_follow() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    DECLARE
        last_seq BIGINT;
        last_hash TEXT;
    BEGIN
        SELECT seq, hash INTO last_seq, last_hash FROM audit_records ORDER BY seq DESC LIMIT 1;
        IF NEW.seq <> COALESCE(last_seq, 0) + 1 OR NEW.previous <> COALESCE(last_hash, NEW.previous) THEN
            RAISE EXCEPTION 'a record of the audit trail must follow the last one';
        END IF;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER audit_records_no_change BEFORE UPDATE OR DELETE ON audit_records
    FOR EACH ROW EXECUTE FUNCTION audit_records_refuse()
    """,
    """
    CREATE TRIGGER audit_records_no_truncate BEFORE TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION audit_records_refuse()
    """,
    """
    CREATE TRIGGER audit_records_in_order BEFORE INSERT ON audit_records
    FOR EACH ROW EXECUTE FUNCTION audit_records_follow()
    """,
)


async def create() -> None:
    engine = engine_finder()
    for statement in (TABLE, *INDEXES):
        await engine.run_ddl(statement)
    for statement in SQLITE_TRIGGERS if engine.engine_type == "sqlite" else POSTGRES_FUNCTIONS:
        await engine.run_ddl(statement)


async def drop() -> None:
    engine = engine_finder()
    await engine.run_ddl("DROP TABLE audit_records")
    if engine.engine_type == "postgres":
        await engine.run_ddl("DROP FUNCTION audit_records_refuse()")
        await engine.run_ddl("DROP FUNCTION audit_records_follow()")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="fluxgate", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
