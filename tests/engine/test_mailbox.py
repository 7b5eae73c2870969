"""A mailbox keeps order, wakes its reader, and loses nothing when the reader gives up."""

import asyncio

import pytest

from mallku.engine.mailbox import Mailbox


async def test_items_come_in_order_whether_they_were_waited_for_or_not():
    box = Mailbox()
    box.put(1)
    box.put(2)
    reading = asyncio.ensure_future(asyncio.wait_for(read(box, 4), 5))
    await asyncio.sleep(0)
    box.put(3)
    box.put(4)

    assert await reading == [1, 2, 3, 4]


async def test_an_item_that_comes_as_its_reader_gives_up_is_kept():
    box = Mailbox()
    reading = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    box.put(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert await asyncio.wait_for(box.get(), 5) == 1


async def read(box, count):
    return [await box.get() for _ in range(count)]
