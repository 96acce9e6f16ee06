"""Migrations: each is applied once, in order, and may be repeated after a crash."""

import pytest
from pg8000.native import DatabaseError

from lambdas.payments.migrations import MigrationChangedError, apply, files


def recorded(admin):
    return [name for (name,) in admin.run("SELECT name FROM payments.schema_migrations ORDER BY 1")]


def test_each_migration_is_applied_once(admin):
    assert recorded(admin) == list(files())
    assert apply(admin, files()) == []


def test_migration_whose_record_was_lost_is_applied_again(admin):
    admin.run("DELETE FROM payments.schema_migrations")
    assert apply(admin, files()) == list(files())
    assert recorded(admin) == list(files())


def test_failed_migration_stops_the_later_ones(admin):
    broken = dict(files()) | {"9001_broken.sql": "CREATE TABLE payments.charges (id text)"}
    behind = broken | {"9002_behind.sql": "CREATE TABLE payments.behind (id text PRIMARY KEY)"}
    with pytest.raises(DatabaseError):
        apply(admin, behind)
    assert recorded(admin) == list(files())
    assert admin.run("SELECT to_regclass('payments.behind')") == [[None]]


def test_edited_migration_is_an_error_before_anything_is_applied(admin):
    first = next(iter(files()))
    edited = dict(files()) | {first: "SELECT 1", "9003_new.sql": "CREATE SCHEMA never"}
    with pytest.raises(MigrationChangedError, match=first):
        apply(admin, edited)
    assert admin.run("SELECT 1 FROM pg_namespace WHERE nspname = 'never'") == []


def test_file_has_one_idempotent_statement():
    for name, sql in files().items():
        assert "IF NOT EXISTS" in sql, name
        assert ";" not in sql, name


def test_index_must_be_created_asynchronously(admin):
    index = "CREATE INDEX ASYNC IF NOT EXISTS by_state ON payments.charges (state)"
    with pytest.raises(DatabaseError):
        apply(admin, dict(files()) | {"9004_index.sql": index.replace(" ASYNC", "")})
    assert apply(admin, dict(files()) | {"9005_index.sql": index}) == ["9005_index.sql"]
    admin.run("DELETE FROM payments.schema_migrations WHERE name = '9005_index.sql'")
    admin.run("DROP INDEX payments.by_state")
