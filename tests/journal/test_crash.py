"""A process that is killed leaves whole appends and no lease."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from journal_events import convened

from mallku.errors import JournalLocked
from mallku.journal import open_journal

SUPPORT = Path(__file__).parents[1] / "support"
BATCH = 12
KILLS = 8

APPENDING = f"""
import asyncio, sys
sys.path.append({str(SUPPORT)!r})
from journal_events import statement
from mallku.journal import open_journal

async def main(path):
    journal = await open_journal(path)
    last = (await journal.deliberations())[0].last_seq
    while True:
        events = [statement("d1", last + step, f"{{last + step}} " + "word " * 200) for step in range(1, {BATCH} + 1)]
        await journal.append(events, durable=last % 2 == 0)
        last += {BATCH}
        print(last, flush=True)

asyncio.run(main(sys.argv[1]))
"""

HOLDING = """
import asyncio, sys
from mallku.journal import open_journal

async def main(path):
    journal = await open_journal(path)
    async with journal.lease("d1"):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""

OPENING = """
import asyncio, sys
sys.path.append(sys.argv[3])
from journal_events import small_deliberation
from mallku.journal import open_journal

async def main(path, name):
    sys.stdin.readline()
    async with await open_journal(path) as journal:
        await journal.append(small_deliberation(name))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def _child(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def test_a_killed_process_leaves_all_it_confirmed_and_no_half_append(tmp_path):
    path = tmp_path / "journal.db"
    chance = random.Random(5)
    async with await open_journal(path) as journal:
        await journal.append([convened()])
    confirmed = 1
    for _ in range(KILLS):
        with _child(APPENDING, path) as child:
            confirmed = int(child.stdout.readline())
            await asyncio.sleep(chance.uniform(0, 0.05))
            child.send_signal(signal.SIGKILL)
            confirmed = int(([confirmed, *child.stdout.read().split("\n")[:-1]])[-1])
        async with await open_journal(path) as journal:
            events = await journal.events("d1")
            verification = await journal.verify("d1")

            assert verification.intact, verification.problem
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert confirmed <= len(events) <= confirmed + BATCH
            assert (len(events) - 1) % BATCH == 0
            assert len(await journal.search(str(len(events)))) >= 1


async def test_a_lease_is_held_across_processes_and_ends_with_its_holder(tmp_path):
    path = tmp_path / "journal.db"
    async with await open_journal(path) as journal:
        with _child(HOLDING, path) as child:
            assert child.stdout.readline() == "held\n"
            with pytest.raises(JournalLocked, match=f"process {child.pid}"):
                async with journal.lease("d1"):
                    pass
            async with journal.lease("d2"):
                pass
            child.kill()
        async with journal.lease("d1"):
            pass
    assert not list(tmp_path.glob("*.leases/*"))


async def test_a_postgresql_lease_ends_with_its_holder(postgresql_database):
    async with await open_journal(postgresql_database, patience_s=2) as journal:
        with _child(HOLDING, postgresql_database) as child:
            assert child.stdout.readline() == "held\n"
            with pytest.raises(JournalLocked):
                async with journal.lease("d1"):
                    pass
            child.kill()
        for _ in range(100):
            try:
                async with journal.lease("d1"):
                    return
            except JournalLocked:
                await asyncio.sleep(0.05)
        pytest.fail("the server still holds the lease of a dead process")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_processes_that_open_a_new_journal_at_once_make_one(tmp_path, request, kind):
    place = tmp_path / "journal.db" if kind == "sqlite" else request.getfixturevalue("postgresql_database")
    children = [_child(OPENING, place, f"d{number}", SUPPORT) for number in range(4)]
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        with child:
            child.wait(timeout=60)
        assert child.returncode == 0
    async with await open_journal(place) as journal:
        summaries = await journal.deliberations()

        assert sorted(summary.id for summary in summaries) == ["d0", "d1", "d2", "d3"]
        assert all([(await journal.verify(summary.id)).intact for summary in summaries])
