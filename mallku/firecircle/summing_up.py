"""Summing up: one seat writes a summary for those who were not there; it is marked as a model's, and its quotations are looked up."""

from mallku.errors import EmptyAnswer
from mallku.events import kinds
from mallku.firecircle.asking import GaveUp, Turn
from mallku.firecircle.minutes.quotations import verify_quotations
from mallku.firecircle.proceedings import Proceedings

INSTRUCTION = (
    "Sum up for people who were not here, in at most 150 words: what was agreed, what stays open, and who dissents and why. "
    "Put another's words in quotation marks only if you repeat them word for word."
)
"""What the seat is asked."""


async def sum_up(here: Proceedings) -> None:
    """Ask the plan's seat for a summary and record it with the quotations that nobody said. If the seat fails there is none."""
    name = here.plan.summary_by
    turn_id = f"summary.{name}"
    if not name or turn_id in here.state.turns or name not in here.state.present:
        return
    await here.checkpoint()
    seat = here.seats[name]
    request = here.request(seat, round_title="summary", instruction=INSTRUCTION)
    await here.make_room([seat], lambda _: here.prompt(request, here.state.transcript.statements), None)
    prompt = here.prompt(request, here.state.transcript.statements)
    turn = Turn(id=turn_id, seat=seat, round_index=here.last_round, prompt=prompt, settings=seat.settings)
    too_long = await here.overflow(seat, prompt, None)
    answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
    if isinstance(answer, GaveUp):
        await here.recorder.record_all([answer.failure])
        return
    text = here.cleaned(seat, answer.text).text
    if answer.passed or not text:
        error = EmptyAnswer(f"{name} wrote no summary.", hint="Let another seat sum up.")
        await here.recorder.record_all([here.asker.refused(turn, error).failure])
        return
    checked = verify_quotations(text, here.state.transcript, others=_other_words(here))
    await here.recorder.record(
        kinds.SummaryWritten,
        turn=turn_id,
        seat=name,
        text=text,
        model=answer.model,
        quotations=len(checked),
        invented=tuple(quotation.text for quotation in checked if not quotation.is_genuine),
        reasoning=answer.reasoning,
        usage=answer.usage,
        timings=answer.timings,
    )


def _other_words(here: Proceedings) -> list[tuple[str, str]]:
    """Return what else one may quote from: the reasons on ballots, and dissent."""
    words = [(f"dissent.{seat}", text) for seat, text in here.state.dissent.items()]
    for stage, record in here.state.ballots.items():
        words += [(f"{stage}.{seat}", ballot.reason) for seat, ballot in record.cast.items()]
    return words
