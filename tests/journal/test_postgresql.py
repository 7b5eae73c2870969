"""What only a database server can do to a journal."""

import pytest
from journal_events import convened, small_deliberation, statement
from sqlalchemy import create_engine, make_url, text

from mallku.errors import JournalError, JournalLocked, JournalReadOnly
from mallku.journal import open_journal

pytestmark = pytest.mark.live


@pytest.fixture
def administrator(postgresql_database):
    engine = create_engine(make_url(postgresql_database), isolation_level="AUTOCOMMIT")

    def run(statement):
        with engine.connect() as connection:
            connection.execute(text(statement))

    yield run
    engine.dispose()


END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def test_a_connection_that_was_cut_is_made_again(postgresql_database, administrator):
    async with await open_journal(postgresql_database) as journal:
        await journal.append([convened()])
        administrator(END_ALL)
        await journal.append([statement("d1", 2, "after the cut")])

        assert len(await journal.events("d1")) == 2
        assert (await journal.verify("d1")).intact


async def test_a_lease_whose_session_was_cut_can_be_taken_again(postgresql_database, administrator):
    async with await open_journal(postgresql_database) as journal, await open_journal(postgresql_database) as other:
        async with journal.lease("d1"):
            with pytest.raises(JournalLocked):
                async with other.lease("d1"):
                    pass
            administrator(END_ALL)
        async with journal.lease("d1"):
            pass
        async with other.lease("d1"):
            pass


async def test_a_table_that_is_locked_is_waited_for_only_so_long(postgresql_database, administrator):
    async with await open_journal(postgresql_database, patience_s=0.2) as journal:
        await journal.append([convened()])
        engine = create_engine(make_url(postgresql_database))
        with engine.connect() as holder, holder.begin():
            holder.execute(text("LOCK TABLE journal_events IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(JournalLocked) as caught:
                await journal.append([statement("d1", 2, "waiting")])
            assert caught.value.hint
        engine.dispose()
        await journal.append([statement("d1", 2, "at last")])


async def test_a_user_that_may_only_read_reads(postgresql_database, administrator):
    async with await open_journal(postgresql_database) as journal:
        await journal.append(small_deliberation())
    administrator("DROP ROLE IF EXISTS mallku_reader")
    administrator("CREATE ROLE mallku_reader LOGIN")
    administrator("GRANT SELECT ON ALL TABLES IN SCHEMA public TO mallku_reader")
    url = make_url(postgresql_database).set(username="mallku_reader").render_as_string(hide_password=False)
    try:
        async with await open_journal(url, readonly=True) as journal:
            assert await journal.events("d1") == small_deliberation()
        async with await open_journal(url) as journal:
            with pytest.raises(JournalReadOnly):
                await journal.append([convened("d2")])
    finally:
        administrator("DROP OWNED BY mallku_reader")
        administrator("DROP ROLE mallku_reader")


async def test_a_database_that_refuses_is_explained_without_a_password(postgresql_database):
    url = make_url(postgresql_database).set(username="nobody_here", password="hush").render_as_string(hide_password=False)
    with pytest.raises(JournalError) as caught:
        await open_journal(url)

    assert "hush" not in str(caught.value)
    assert caught.value.hint
