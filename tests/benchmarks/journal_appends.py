"""Time appends to a journal: `PYTHONPATH=. python tests/benchmarks/journal_appends.py [PLACE]`; a new file if no place is given."""

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))

from journal_events import convened, statement

from mallku.journal import open_journal

APPENDS = 500


async def main(place):
    deliberation = f"bench-{uuid.uuid4().hex[:8]}"
    async with await open_journal(place) as journal:
        await journal.append([convened(deliberation)])
        seq = 1
        for durable in (True, False):
            begin = time.perf_counter()
            for _ in range(APPENDS):
                seq += 1
                await journal.append([statement(deliberation, seq, "word " * 60)], durable=durable)
            print(f"{journal.place}: durable={durable}: {(time.perf_counter() - begin) / APPENDS * 1000:.2f} ms per append")  # noqa: T201 - what it is for


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else Path(folder) / "journal.db"))
