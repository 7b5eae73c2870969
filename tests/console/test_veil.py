from watching import events_of

from mallku.console.veil import Veil
from mallku.dialogue.participant import ParticipantFacts
from mallku.events import kinds
from mallku.testing import ScriptedParticipant, first_choice

PERSON = ParticipantFacts(model="person", spec="human", location="person")


class Watcher:
    """A view that keeps what it is shown."""

    def __init__(self):
        self.events = []
        self.is_open = True

    def __call__(self, event):
        self.events.append(event)

    def open(self):
        self.is_open = True

    def close(self):
        self.is_open = False


async def with_a_person():
    person = ScriptedParticipant(lambda prompt, settings: first_choice(settings) if settings.schema else "My own view.", facts=PERSON)
    return await events_of(seats=[("Pat", person)])


async def test_nobodys_words_are_shown_before_the_person_has_spoken_where_all_speak_at_once():
    events, watcher = await with_a_person(), Watcher()
    veil = Veil(watcher)
    for place, event in enumerate(events):
        if isinstance(event, kinds.StatementMade) and event.turn == "r0.Pat":
            before = list(watcher.events)
            veil(event)
            assert not any(isinstance(shown, kinds.StatementMade | kinds.TurnDelta) for shown in before)
            assert watcher.events == events[: place + 1]
            return
        veil(event)
    raise AssertionError("the person did not speak")


async def test_everything_is_shown_in_order_in_the_end():
    events, watcher = await with_a_person(), Watcher()
    veil = Veil(watcher)
    for event in events:
        veil(event)

    assert watcher.events == events


async def test_ballots_of_others_are_shown_after_the_person_has_voted():
    events, watcher = await with_a_person(), Watcher()
    veil = Veil(watcher)
    for event in events:
        if isinstance(event, kinds.BallotCast) and event.ballot.seat == "Pat":
            cast = [shown.ballot.seat for shown in watcher.events if isinstance(shown, kinds.BallotCast) and shown.stage == event.stage]
            assert cast == []
        veil(event)


async def test_while_a_form_is_open_nothing_is_drawn():
    events, watcher = await events_of(), Watcher()
    veil = Veil(watcher)
    with veil.form():
        assert not watcher.is_open
        for event in events:
            veil(event)
        assert watcher.events == []

    assert watcher.is_open
    assert watcher.events == events
