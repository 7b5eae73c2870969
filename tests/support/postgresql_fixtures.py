"""Fixtures: a PostgreSQL server and a fresh database in it."""

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgresql_server():
    """The address of a PostgreSQL server: the one of `MALLKU_TEST_POSTGRES`, or one started here for the session."""
    if address := os.environ.get("MALLKU_TEST_POSTGRES"):
        yield address
        return
    pytest.importorskip("psycopg")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: neither MALLKU_TEST_POSTGRES nor pg_ctl")
    with tempfile.TemporaryDirectory(prefix="mallku-pg-", ignore_cleanup_errors=True) as folder:
        data, sockets = Path(folder) / "data", Path(folder) / "s"
        sockets.mkdir()
        _as_server(folder, binaries / "initdb", "-D", data, "-U", "mallku", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = f"-c listen_addresses='' -c unix_socket_directories='{sockets}' -c shared_buffers=16MB -c fsync=off"
        _as_server(folder, binaries / "pg_ctl", "-D", data, "-l", data / "log", "-o", settings, "-w", "start")
        try:
            yield f"postgresql://mallku@/postgres?host={sockets}"
        finally:
            _as_server(folder, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _binaries():
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _as_server(folder, *command):
    """Run a command of the server; PostgreSQL refuses to run as root, so root steps down to the user `postgres`."""
    user = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        for path in Path(folder).iterdir():
            if path.owner() == "root":
                shutil.chown(path, "postgres")
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **user)


@pytest.fixture(scope="session")
def _database_for_tests(postgresql_server):
    from sqlalchemy import create_engine, make_url, text

    url = make_url(postgresql_server).set(drivername="postgresql+psycopg")
    name = f"mallku_test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def postgresql_database(_database_for_tests):
    """The address of an empty database."""
    from sqlalchemy import create_engine, text

    engine = create_engine(_database_for_tests, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO PUBLIC"):
            connection.execute(text(statement))
    engine.dispose()
    return _database_for_tests.render_as_string(hide_password=False)
