"""A ballot: each seat alone fills in a form; what cannot be read is spoiled; the count is made under the declared rule."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mallku.dialogue.ballot_form import ballot_instruction, ballot_schema, read_ballot
from mallku.dialogue.prompt import Prompt
from mallku.dialogue.response import Response
from mallku.dialogue.transcript import Option, Statement
from mallku.dialogue.verdict import Ballot, BallotKind, SpoiledBallot, Verdict
from mallku.events import kinds
from mallku.events.kinds import BallotStage
from mallku.firecircle.asking import GaveUp, Turn
from mallku.firecircle.decisions import decide, decision_rule
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.seat import Seat
from mallku.firecircle.speaking import all_of

ENOUGH_STATEMENTS = 3
"""From this many statements on, a seat may be kept from voting for its own; between two, that would only swap the votes."""

DISSENT_INSTRUCTION = (
    "The outcome is {label}: {text}\nYou did not support the outcome. Say in your own words why, in two or three sentences."
)
"""What a seat in the minority is asked."""

_ATTEMPTS = 2


class Balloting:
    """Conducts ballots and hears dissent."""

    def __init__(self, proceedings: Proceedings) -> None:
        self._here = proceedings
        self._rule = decision_rule(proceedings.plan.decision.rule)

    async def hold(self, stage: BallotStage) -> None:
        """Open the ballot, let every present seat vote at the same time, count."""
        here, decision = self._here, self._here.plan.decision
        if stage not in here.state.ballots:
            options = self._options(stage)
            readings = {seat.name: self._reading(stage, seat, options) for seat in here.present}
            await here.recorder.record(
                kinds.BallotOpened,
                stage=stage,
                ballot_kind=self._rule.ballot_kind,
                options=options,
                rule=self._rule.name,
                readings=readings,
            )
        record = here.state.ballots[stage]
        if record.counted is not None:
            return
        options = record.opened.options
        if len(options) > 1:
            voters = [seat for seat in here.present if seat.name not in record.cast and seat.name not in record.spoiled]
            await here.make_room(voters, lambda seat: self._prompt(stage, seat, ""), None)
            await all_of(self._vote(stage, seat) for seat in voters)
        verdict = decide(
            self._rule,
            [record.cast[name] for name in here.state.seats if name in record.cast],
            [record.spoiled[name] for name in here.state.seats if name in record.spoiled],
            options,
            here.state.seats,
            seed=here.seed,
            tie_break=decision.tie_break,
            quorum=decision.quorum,
            exclude_self_votes=self._bars_own(options),
        )
        await here.recorder.record(kinds.BallotCounted, stage=stage, verdict=_alone(verdict, options))

    def _options(self, stage: BallotStage) -> tuple[Option, ...]:
        given = self._here.state.transcript.options
        if given:
            return given
        return self._here.state.candidates(self._candidate_round(stage))

    def _candidate_round(self, stage: BallotStage) -> int:
        if stage == "before":
            return 0
        chosen = self._here.plan.decision.candidates_from
        spoken = [index for index in sorted(self._here.state.rounds) if self._here.state.candidates(index)]
        return chosen if chosen is not None else (spoken or [0])[-1]

    def _bars_own(self, options: Sequence[Option]) -> bool:
        with_author = [option for option in options if option.author]
        return self._here.plan.decision.exclude_self_votes and len(with_author) >= ENOUGH_STATEMENTS

    def _reading(self, stage: BallotStage, seat: Seat, options: Sequence[Option]) -> tuple[str, ...]:
        own = seat.name if self._bars_own(options) else None
        labels = [option.label for option in options if not (own and option.author == own)]
        return tuple(self._here.shuffled(labels, "reading", stage, seat.name))

    def _seen(self, stage: BallotStage, seat: Seat) -> tuple[Statement, ...]:
        """Return what a voter sees besides the options.

        Statements that are voted on are read as options, without their authors; before the exchange a voter sees its own opening at most.
        """
        said, given = self._here.state.transcript.statements, bool(self._here.state.transcript.options)
        if stage == "before":
            return tuple(one for one in said if given and one.seat == seat.name and one.round_index == 0)
        if given:
            return said
        candidates = self._candidate_round(stage)
        return tuple(one for one in said if one.round_index < candidates or one.round_kind == "remark")

    def _prompt(self, stage: BallotStage, seat: Seat, complaint: str) -> Prompt:
        opened = self._here.state.ballots[stage].opened
        by_label = {option.label: option for option in opened.options}
        instruction = ballot_instruction(self._rule.ballot_kind)
        request = self._here.request(
            seat,
            round_title="ballot",
            instruction=f"{instruction}\n{complaint}".strip(),
            options=tuple(by_label[label] for label in opened.readings[seat.name]),
        )
        return self._here.prompt(request, self._seen(stage, seat))

    async def _vote(self, stage: BallotStage, seat: Seat) -> None:
        """Ask for a ballot; an unreadable one is asked for once more with the reason."""
        here, turn_id = self._here, f"{stage}.{seat.name}"
        kind: BallotKind = self._rule.ballot_kind
        labels = here.state.ballots[stage].opened.readings[seat.name]
        settings = seat.asked(schema=ballot_schema(kind, labels))
        complaint, cast = "", SpoiledBallot(seat=seat.name, reason="no answer was given")
        for attempt in range(1, _ATTEMPTS + 1):
            prompt = self._prompt(stage, seat, complaint)
            turn = Turn(id=turn_id, seat=seat, round_index=here.last_round, prompt=prompt, settings=settings)
            too_long = await here.overflow(seat, prompt, settings.max_tokens)
            answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
            if isinstance(answer, GaveUp):
                spoiled = SpoiledBallot(seat=seat.name, reason=f"no ballot: {answer.error.message}", raw=answer.partial_text)
                await here.recorder.record_all(
                    [answer.failure, (kinds.BallotSpoiled, {"turn": turn_id, "stage": stage, "spoiled": spoiled})]
                )
                await here.asker.note_failure(seat, answer.error)
                return
            read = read_ballot(kind, labels, seat.name, answer.text, weight=seat.weight)
            if isinstance(read, Ballot):
                await here.recorder.record(kinds.BallotCast, **_cast(turn_id, stage, read, answer, repaired=attempt > 1))
                return
            complaint, cast = f"Your last answer could not be counted: {read.reason}. Answer only with the JSON object.", read
        await here.recorder.record(kinds.BallotSpoiled, turn=turn_id, stage=stage, spoiled=cast)

    async def hear_dissent(self) -> None:
        """Ask every seat that does not support the outcome for its reasons; they stand in the record in its own words."""
        here = self._here
        counted = here.state.ballots["final"].counted
        if counted is None or not counted.verdict.option:
            return
        verdict = counted.verdict
        instruction = DISSENT_INSTRUCTION.format(label=verdict.option, text=" ".join(verdict.text.split()))
        waiting = [here.seats[name] for name in verdict.dissent if name in here.state.present]

        def prompt(seat: Seat) -> Prompt:
            return here.prompt(here.request(seat, round_title="dissent", instruction=instruction), here.state.transcript.statements)

        await here.make_room(waiting, prompt, None)
        await all_of(self._dissent(seat, prompt(seat)) for seat in waiting)

    async def _dissent(self, seat: Seat, prompt: Prompt) -> None:
        here, turn_id = self._here, f"dissent.{seat.name}"
        if turn_id in here.state.turns:
            return
        turn = Turn(id=turn_id, seat=seat, round_index=here.last_round, prompt=prompt, settings=seat.settings)
        too_long = await here.overflow(seat, prompt, None)
        answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
        if isinstance(answer, GaveUp):
            await here.recorder.record_all([answer.failure])
            await here.asker.note_failure(seat, answer.error)
        elif answer.passed:
            await here.recorder.record(kinds.TurnPassed, turn=turn_id, seat=seat.name, round_index=turn.round_index, reason=answer.text)
        else:
            await here.recorder.record(
                kinds.DissentRecorded,
                turn=turn_id,
                seat=seat.name,
                text=here.cleaned(seat, answer.text).text,
                reasoning=answer.reasoning,
                usage=answer.usage,
                timings=answer.timings,
            )


def _cast(turn: str, stage: BallotStage, ballot: Ballot, answer: Response, *, repaired: bool) -> dict[str, Any]:
    return {
        "turn": turn,
        "stage": stage,
        "ballot": ballot,
        "reasoning": answer.reasoning,
        "repaired": repaired,
        "usage": answer.usage,
        "timings": answer.timings,
    }


def _alone(verdict: Verdict, options: Sequence[Option]) -> Verdict:
    """Complete the verdict where there was nothing to choose between."""
    if len(options) != 1:
        return verdict
    note = "There was only one option, so nobody was asked to vote."
    return replace(verdict, option=options[0].label, text=options[0].text, missing=(), notes=(note,))
