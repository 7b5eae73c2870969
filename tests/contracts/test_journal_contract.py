"""What every journal keeps to: in memory, in SQLite and in PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from journal_events import START, convened, small_deliberation, statement

from mallku.errors import JournalDamaged, JournalError, JournalLocked, UnknownDeliberation
from mallku.events.kinds import DeliberationInterrupted, DeliberationResumed, TurnDelta
from mallku.journal import Journal, open_journal


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
async def place(request, tmp_path):
    if request.param == "memory":
        return ":memory:"
    if request.param == "sqlite":
        return tmp_path / "journal.db"
    return request.getfixturevalue("postgresql_database")


@pytest.fixture
async def journal(place):
    async with await open_journal(place) as journal:
        yield journal


async def test_it_is_a_journal(journal):
    assert isinstance(journal, Journal)
    assert journal.place


async def test_what_was_appended_is_read_back_in_order(journal):
    events = small_deliberation()
    for event in events:
        await journal.append([event])

    assert await journal.events("d1") == events
    assert await journal.events("d1", after=9) == events[9:]
    assert await journal.events("d1", after=len(events)) == []


async def test_several_events_are_one_append(journal):
    events = small_deliberation()
    await journal.append(events, durable=False)

    assert await journal.events("d1") == events


async def test_nothing_to_append_is_no_error(journal):
    await journal.append([])

    assert await journal.deliberations() == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([statement("d1", 2, "again")], id="repeated"),
        pytest.param([statement("d1", 4, "later")], id="gap"),
        pytest.param([statement("d1", 3, "fits"), statement("d1", 3, "twice")], id="repeated-within"),
        pytest.param([statement("d1", 3, "fits"), statement("d2", 4, "stranger")], id="mixed"),
        pytest.param([statement("d9", 2, "no beginning")], id="no-beginning"),
        pytest.param(
            [statement("d1", 3, "fits"), TurnDelta(deliberation="d1", seq=4, at=START, turn="t", seat="Ada", channel="text", text="x")],
            id="passing",
        ),
    ],
)
async def test_an_append_that_does_not_continue_the_record_is_refused_whole(journal, wrong):
    kept = [convened(), statement("d1", 2, "first")]
    await journal.append(kept)

    with pytest.raises(JournalError) as caught:
        await journal.append(wrong)

    assert caught.value.hint
    assert await journal.events("d1") == kept
    assert [summary.id for summary in await journal.deliberations()] == ["d1"]


async def test_the_same_event_appended_by_two_at_once_is_kept_once(journal):
    await journal.append([convened()])
    outcomes = await asyncio.gather(
        journal.append([statement("d1", 2, "mine")]), journal.append([statement("d1", 2, "no, mine")]), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["JournalError", "NoneType"]
    assert len(await journal.events("d1")) == 2
    assert (await journal.verify("d1")).intact


async def test_a_cancelled_append_is_carried_out(journal):
    await journal.append([convened()])
    appending = asyncio.create_task(journal.append([statement("d1", 2, "said")]))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)

    assert len(await journal.events("d1")) == 2


async def test_summaries_follow_the_events(journal):
    events = small_deliberation("old")
    await journal.append(events)
    await journal.append([convened("new", "What next?", at=START + timedelta(days=1)), statement("new", 2, "Rest.")])
    new, old = await journal.deliberations()

    assert (old.id, old.question, old.status, old.statements) == ("old", "Should the valley share its well?", "complete", 2)
    assert (old.convened_at, old.last_at, old.last_seq) == (START, events[-1].at, len(events))
    assert old.head == (await journal.verify("old")).head
    assert (new.id, new.status, new.statements) == ("new", "open", 1)


async def test_an_interrupted_deliberation_is_open_again_once_resumed(journal):
    await journal.append([convened(), DeliberationInterrupted(deliberation="d1", seq=2, at=START, reason="Ctrl-C")])
    assert (await journal.deliberations())[0].status == "interrupted"

    await journal.append([DeliberationResumed(deliberation="d1", seq=3, at=START)])
    assert (await journal.deliberations())[0].status == "open"


async def test_an_id_is_found_by_its_beginning(journal):
    for deliberation in ("apple", "apricot", "pear", "pears"):
        await journal.append([convened(deliberation)])

    assert await journal.resolve("app") == "apple"
    assert await journal.resolve("pear") == "pear"


@pytest.mark.parametrize("prefix", ["ap", "aple", "", "A%"])
async def test_an_id_that_is_not_one_is_explained_with_the_near_ones(journal, prefix):
    for deliberation in ("apple", "apricot", "pear"):
        await journal.append([convened(deliberation)])

    with pytest.raises(UnknownDeliberation, match="apple"):
        await journal.resolve(prefix)


async def test_reading_what_is_not_there_is_an_error(journal):
    for reading in (journal.events, journal.entries, journal.verify):
        with pytest.raises(UnknownDeliberation, match="nowhere"):
            await reading("nowhere")


async def test_texts_are_found_whatever_their_kind(journal):
    await journal.append(small_deliberation())
    found = {(await journal.search(words))[0].source: words for words in ("valley", "belongs", "drought", "under rota", "cannot kept")}

    assert found == {"question": "valley", "statement": "belongs", "remark": "drought", "verdict": "under rota", "dissent": "cannot kept"}


@pytest.mark.parametrize("words", ["WELL all", "cafe", "café", "belong", "well café"])
async def test_searching_minds_neither_case_nor_accents_nor_endings(journal, words):
    await journal.append(small_deliberation())
    (hit, *_) = await journal.search(words)

    assert (hit.deliberation, hit.turn, hit.seat) in {("d1", "r0.Ada", "Ada"), ("d1", "", "")}
    assert "r0.Ada" in {hit.turn for hit in await journal.search(words)}


async def test_ideographs_are_words(journal):
    await journal.append(small_deliberation())

    assert [hit.seat for hit in await journal.search("水")] == ["Ben"]


async def test_all_words_or_any(journal):
    await journal.append(small_deliberation())

    assert await journal.search("belongs drought") == []
    assert {hit.source for hit in await journal.search("belongs drought", match="any")} == {"statement", "remark"}
    assert len(await journal.search("belongs drought", match="any", limit=1)) == 1


@pytest.mark.parametrize("words", ["", "   ", '"', "a:b*", "NEAR(", "' OR 1=1 --", "& | ! <->", "\x00", "-well", "\\"])
async def test_no_search_text_is_taken_for_a_query_language(journal, words):
    await journal.append(small_deliberation())

    assert isinstance(await journal.search(words), list)


async def test_an_untouched_record_is_intact(journal):
    await journal.append(small_deliberation())
    verification = await journal.verify("d1")

    assert verification.intact
    assert verification.first_bad is None
    assert verification.events == 11
    assert verification.head == (await journal.entries("d1"))[-1].hash


async def test_a_head_that_was_noted_elsewhere_must_be_the_end(journal):
    events = small_deliberation()
    await journal.append(events[:5])
    noted = (await journal.verify("d1")).head
    await journal.append(events[5:])

    assert not (await journal.verify("d1", head=noted)).intact
    assert (await journal.verify("d1", head=(await journal.entries("d1"))[-1].hash)).intact


async def test_a_record_is_restored_byte_by_byte(journal):
    origin = await open_journal(":memory:")
    await origin.append(small_deliberation("elsewhere"))
    entries = await origin.entries("elsewhere")
    await journal.restore(entries)

    assert await journal.entries("elsewhere") == entries
    assert await journal.deliberations() == await origin.deliberations()
    assert (await journal.verify("elsewhere")).intact
    assert await journal.search("belongs")


async def test_a_record_that_is_broken_empty_or_here_already_is_not_restored(journal):
    await journal.append(small_deliberation())
    entries = await journal.entries("d1")

    for wrong in (entries, [], entries[1:]):
        with pytest.raises(JournalDamaged):
            await journal.restore(wrong)


async def test_two_cannot_run_one_deliberation(journal):
    async with journal.lease("d1"), journal.lease("d2"):
        with pytest.raises(JournalLocked, match="d1"):
            async with journal.lease("d1"):
                pass
    async with journal.lease("d1"):
        pass


async def test_any_text_a_model_may_produce_is_kept(journal):
    hostile = "NUL \x00, lone \ud800 surrogate, \u2028, 'quotes\" \\ :bind %s {} 🜁"
    await journal.append([convened(question=hostile), statement("d1", 2, hostile)])
    question, said = await journal.events("d1")

    assert said.text == hostile.replace("\ud800", "\ufffd") == question.question
    assert (await journal.verify("d1")).intact


async def test_closing_twice_is_no_error(place):
    journal = await open_journal(place)
    await journal.close()
    await journal.close()


async def test_the_loop_stays_free_while_a_journal_works(journal):
    events = [convened(), *(statement("d1", seq, "words " * 50) for seq in range(2, 800))]
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await journal.append(events)
    ticking.cancel()

    assert ticks > 1 or journal.place == "memory"
