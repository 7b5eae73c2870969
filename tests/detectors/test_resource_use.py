from mallku.detectors import JudgedTurn, ResourceUseDetector, resource_use
from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.transcript import Statement


def turn(number, *, seconds=None, tokens=100, joules=None, kind="exchange"):
    return Statement(
        turn=f"t{number}",
        seat="Ada",
        round_index=0,
        round_kind=kind,
        text="Words.",
        usage=Usage(completion_tokens=tokens),
        timings=Timings(total_s=seconds, energy_j=joules, energy_source="none" if joules is None else "rapl"),
    )


def judged(statement, *previous):
    return ResourceUseDetector().judge(JudgedTurn(statement=statement, previous=previous))


def test_a_turn_as_costly_as_the_circles_usual_turn_scores_a_half():
    assert judged(turn(3, seconds=2.0), turn(1, seconds=2.0), turn(2, seconds=2.0)).value == 0.5


def test_a_slow_computer_scores_like_a_fast_one():
    slow = judged(turn(2, seconds=80.0), turn(1, seconds=100.0)).value
    fast = judged(turn(2, seconds=0.8), turn(1, seconds=1.0)).value
    assert abs(slow - fast) < 1e-9
    assert slow > 0.5


def test_an_unmeasured_turn_is_unscored_and_not_zero():
    assert judged(turn(2), turn(1, seconds=1.0)).value is None


def test_a_first_turn_has_no_reference_and_is_unscored():
    assert judged(turn(1, seconds=1.0)).value is None


def test_energy_is_preferred_over_time():
    score = judged(turn(2, seconds=9.0, joules=10.0), turn(1, seconds=1.0, joules=10.0))
    assert score.value == 0.5
    assert score.evidence[0].unit == "J/token"


def test_sums_say_which_figures_only_some_turns_have():
    use = resource_use([turn(1, seconds=1.0, joules=3.0), turn(2, seconds=1.0)])
    assert use.total_s == 2.0
    assert use.energy_j is None
    assert use.incomplete == ("energy_j",)
    assert use.tokens_per_second == 100.0
    assert use.carbon_g(grams_per_kwh=400) is None


def test_carbon_needs_an_intensity_and_an_energy_figure():
    assert resource_use([turn(1, joules=3_600_000.0)]).carbon_g(grams_per_kwh=250) == 250
