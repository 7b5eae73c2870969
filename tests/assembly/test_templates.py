import pytest

from mallku.assembly.templates import template, templates
from mallku.detectors import Panel
from mallku.errors import ConfigurationError
from mallku.firecircle import FireCircle, Persona
from mallku.testing import ScriptedParticipant

NAMES = [one.name for one in templates()]


def test_the_purposes_that_were_promised_are_there():
    assert NAMES == ["citizens-panel", "code-review", "consensus", "council", "debate", "governance", "open-inquiry", "statement"]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_says_what_it_is_for_and_reads_as_a_circle_file(name):
    found = template(name)

    assert len(found.description) > 40
    assert found.circle.plan.name == name
    assert all(seat.role and seat.instructions for seat in found.circle.seats)


@pytest.mark.parametrize("name", NAMES)
async def test_a_template_runs_to_its_end(name):
    file = template(name).circle
    circle = FireCircle(plan=file.plan, journal=":memory:", seed=1, panel=Panel(()))
    for seat in file.seats:
        speaker = ScriptedParticipant(
            [f"{seat.name} says that water and gardens matter, because {word}." for word in ("rain", "soil", "sun")]
        )
        circle.add_participant(speaker, persona=Persona(name=seat.name, role=seat.role, instructions=seat.instructions), weight=seat.weight)

    result = await circle.deliberate("Should the village share its well?", options=file.options)

    assert result.status in {"complete", "degraded"}
    assert len(result.statements) >= len(file.seats)
    assert (result.verdict is None) == (file.plan.decision.rule == "none")


def test_a_mistyped_name_is_answered_with_the_near_one():
    with pytest.raises(ConfigurationError, match="Did you mean 'council'"):
        template("counsil")
