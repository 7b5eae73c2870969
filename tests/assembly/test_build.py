import sys

import pytest

from mallku.assembly.build import SeatWish, Wishes, assemble, assemble_again
from mallku.assembly.seating import seat_participant
from mallku.assembly.settings import Settings, read_settings
from mallku.errors import ConfigurationError
from mallku.events import kinds
from mallku.events.codec import now

SPEAKER = "python:speakers_of_build:quiet"


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "speakers_of_build.py").write_text(
        "from mallku.testing import ScriptedParticipant\n\ndef quiet():\n    return ScriptedParticipant()\n\ndef nobody():\n    return 3\n"
    )


async def test_three_seats_with_different_personas_sit_where_nobody_is_named():
    assembly = await assemble(Wishes(model=SPEAKER))

    assert [seat.name for seat in assembly.circle.seats] == ["Amaru", "Noor", "Ilse"]
    assert len({seat.persona.instructions for seat in assembly.circle.seats}) == 3


async def test_the_file_of_the_directory_is_used_and_said(tmp_path):
    (tmp_path / "circle.toml").write_text(f'question = "Why?"\nmodel = "{SPEAKER}"\n[[seats]]\nname = "Ada"\nweight = 2.0\n')

    assembly = await assemble(Wishes())

    assert assembly.question == "Why?"
    assert [(seat.name, seat.weight) for seat in assembly.circle.seats] == [("Ada", 2.0)]
    assert any("circle.toml" in told for told in assembly.told)


async def test_seats_named_outside_keep_the_persona_that_the_file_gives_them(tmp_path):
    (tmp_path / "circle.toml").write_text('[[seats]]\nname = "Ada"\nrole = "librarian"\n[[seats]]\nname = "Ben"\n')

    assembly = await assemble(Wishes(seats=(SeatWish(name="Ada", spec=SPEAKER), SeatWish(spec=SPEAKER))))

    assert assembly.circle.seats[0].persona.role == "librarian"
    assert [seat.name for seat in assembly.circle.seats] == ["Ada", "Amaru"]


async def test_a_template_in_the_file_brings_its_plan_and_keeps_the_files_seats(tmp_path):
    (tmp_path / "circle.toml").write_text(f'template = "open-inquiry"\nmodel = "{SPEAKER}"\n[[seats]]\nname = "Ada"\n')

    assembly = await assemble(Wishes())

    assert assembly.circle.plan.name == "open-inquiry"
    assert [seat.name for seat in assembly.circle.seats] == ["Ada"]


@pytest.mark.parametrize(
    ("rounds", "kinds_of_rounds"),
    [(1, ["opening"]), (2, ["opening", "synthesis"]), (4, ["opening", "reflection", "reflection", "synthesis"])],
)
async def test_rounds_are_counted_in_all(rounds, kinds_of_rounds):
    assembly = await assemble(Wishes(model=SPEAKER, rounds=rounds, rule="schulze"))

    assert [planned.kind for planned in assembly.circle.plan.rounds] == kinds_of_rounds
    assert assembly.circle.plan.decision.rule == "schulze"


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (Wishes(model=SPEAKER, rounds=0), "0 rounds"),
        (Wishes(model=SPEAKER, rounds=3, template="council"), "rounds of its own|of its own"),
        (Wishes(model=SPEAKER, rule="mayority"), "mayority"),
        (Wishes(model=SPEAKER, template="council", circle="x.toml"), "Both"),
        (Wishes(model="human"), "nobody can be asked"),
        (Wishes(model="python:speakers_of_build:missing"), "cannot be seated"),
        (Wishes(model="python:speakers_of_build:nobody"), "no participant"),
        (Wishes(model="what is this"), "what is this"),
    ],
)
async def test_wishes_that_cannot_be_met_are_refused(wishes, words):
    with pytest.raises(ConfigurationError, match=words):
        await assemble(wishes)


async def test_a_key_is_read_from_the_environment_and_missed_by_name(tmp_path, monkeypatch):
    (tmp_path / "circle.toml").write_text('[[seats]]\nname = "Ada"\nmodel = "http://127.0.0.1:9/v1"\napi_key_env = "ADA_KEY"\n')

    with pytest.raises(ConfigurationError, match="ADA_KEY"):
        await assemble(Wishes())
    monkeypatch.setenv("ADA_KEY", "a-key")
    assembly = await assemble(Wishes())

    assert assembly.circle.seats[0].participant.config.api_key.get_secret_value() == "a-key"
    assert "a-key" not in repr(assembly.circle.seats[0])


def convened(*seats):
    facts = tuple(kinds.SeatFacts(name=name, role="r", persona="p", spec=spec) for name, spec in seats)
    return kinds.DeliberationConvened(deliberation="d", seq=1, at=now(), question="Why?", seats=facts, plan={}, seed=1)


async def test_a_record_is_seated_again_with_its_personas():
    circle = await assemble_again(
        convened(("Ada", "tiny2"), ("Ben", "x")),
        journal=":memory:",
        seats=(SeatWish(name="Ada", spec=SPEAKER), SeatWish(name="Ben", spec=SPEAKER)),
    )

    assert [(seat.name, seat.persona.role, seat.persona.instructions) for seat in circle.seats] == [("Ada", "r", "p"), ("Ben", "r", "p")]


async def test_whoever_took_a_seat_last_sits_there_again():
    circle = await assemble_again(
        convened(("Ada", "http://127.0.0.1:9#a"), ("Ben", "tiny")), journal=":memory:", substituted={"Ada": "tiny"}
    )

    assert circle.seats[0].participant.facts.spec == "tiny"


async def test_a_record_loads_no_python_by_itself():
    with pytest.raises(ConfigurationError, match="may not load Python"):
        await assemble_again(convened(("Ada", SPEAKER)), journal=":memory:")


async def test_a_seat_that_the_record_does_not_have_is_refused():
    with pytest.raises(ConfigurationError, match="no seat 'Zoe'"):
        await assemble_again(convened(("Ada", SPEAKER)), journal=":memory:", seats=(SeatWish(name="Zoe", spec=SPEAKER),))


def test_settings_come_from_the_environment_and_a_wrong_one_is_named(monkeypatch):
    monkeypatch.setenv("MALLKU_MODEL", "ollama:x")
    assert read_settings().model == "ollama:x"
    monkeypatch.setenv("MALLKU_LOG_LEVEL", "loud")

    with pytest.raises(ConfigurationError, match="MALLKU_LOG_LEVEL is 'loud'"):
        read_settings()


async def test_the_settings_model_is_asked_where_no_other_is_named():
    assembly = await assemble(Wishes(), settings=Settings.model_construct(model=SPEAKER))

    assert len(assembly.circle.seats) == 3
    assert assembly.told == ()


def test_seats_of_one_file_share_an_engine():
    from mallku.engine import EnginePool

    engines = EnginePool()
    first, second = (seat_participant("gguf:/models/a.gguf", engines=engines) for _ in range(2))

    assert first._participant._pool is second._participant._pool is engines


async def test_a_seats_settings_are_recorded_and_come_back_when_it_is_seated_again(tmp_path):
    (tmp_path / "circle.toml").write_text(f'[[seats]]\nname = "Ada"\nmodel = "{SPEAKER}"\ntemperature = 0.25\nmax_tokens = 77\n')
    first = (await assemble(Wishes())).circle.seats[0]
    record = kinds.DeliberationConvened(deliberation="d", seq=1, at=now(), question="Why?", seats=(first.facts(),), plan={}, seed=1)

    again = await assemble_again(record, journal=":memory:", seats=(SeatWish(name="Ada", spec=SPEAKER),))

    assert again.seats[0].settings == first.settings
    assert first.facts().settings == {"max_tokens": 77, "temperature": 0.25}
