"""A ballot: each seat alone fills in a form; what cannot be read is spoiled; the count is made under the declared rule."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mallku.dialogue.ballot_form import ballot_instruction, ballot_schema, read_ballot
from mallku.dialogue.prompt import Prompt
from mallku.dialogue.prompt_layout import escape
from mallku.dialogue.response import Response
from mallku.dialogue.transcript import REMARK, Option, Statement
from mallku.dialogue.verdict import Ballot, BallotKind, SpoiledBallot, Verdict
from mallku.errors import EmptyAnswer
from mallku.events import kinds
from mallku.events.kinds import BallotStage
from mallku.firecircle.asking import GaveUp, Turn
from mallku.firecircle.ballot_papers import BallotPaper, ballot_papers, paper_as_read
from mallku.firecircle.decisions import DecisionRule, count_under_all, decide, decision_rule, valid_ballots
from mallku.firecircle.ledger_keeping import POLL, ballot_before, ledger_facts
from mallku.firecircle.masks import mask_statements
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.seat import Seat, derived_seed
from mallku.firecircle.speaking import all_of

ENOUGH_AUTHORS = 3
"""From this many authors on, a seat may be kept from voting for its own statements; between two, that would only swap the votes."""

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
        self._selection = decision_rule(proceedings.plan.decision.selection_rule)

    async def decide(self) -> None:
        """Hold the final ballot, and before it what the plan asks for: the isolated re-ask, the choice of one proposal."""
        here = self._here
        if here.plan.decision.control_ballot and self._can_be_compared():
            await self.hold("control")
        if self._rule.ballot_kind == "position" and len(self._options("selection")) > 1:
            await self.hold("selection")
        await self.hold("final")
        await self._keep_ledger()

    def due_after(self, index: int) -> tuple[BallotStage, ...]:
        """Return the ballots that the plan holds after this round."""
        decision, rounds = self._here.plan.decision, self._here.plan.rounds
        last, given, candidates = len(rounds) - 1, bool(self._here.state.transcript.options), decision.candidates_from
        if given:
            polled = index > 0 and decision.polls
        else:
            # Where the statements of an earlier round than the last are voted on, a ballot on them before the exchange about them.
            first = 0 < index == candidates and decision.ballot_before
            polled = rounds[index].ranked or first or (candidates is not None and index > candidates and decision.polls)
        before = ("before",) if index == 0 and decision.ballot_before else ()
        return (*before, f"{POLL}{index}") if polled and index < last else before

    def _can_be_compared(self) -> bool:
        """Whether a ballot before the exchange was about what the last one will be about."""
        rule = self._selection if self._rule.ballot_kind == "position" and len(self._options("selection")) > 1 else self._rule
        return ballot_before(self._here.state, self._options("control"), rule.ballot_kind) is not None

    async def hold(self, stage: BallotStage) -> None:
        """Open the ballot, let every present seat vote at the same time, count.

        Raises:
            Stopped: the convener stopped the deliberation before the seats were asked.
        """
        here, decision = self._here, self._here.plan.decision
        rule = self._rule_for(stage)
        held = here.state.ballots.get(stage)
        if held is not None and held.counted is not None:
            return
        await here.checkpoint()
        if held is None:
            await here.hear_convener()
            await here.recorder.record(kinds.BallotOpened, **self._opening(stage, rule))
        record = here.state.ballots[stage]
        options = record.opened.options
        if len(options) > 1 or (options and rule.ballot_kind == "position"):
            voters = [seat for seat in here.present if seat.name not in record.cast and seat.name not in record.spoiled]
            await here.make_room(voters, lambda seat: self._prompt(stage, seat, ""), None)
            await all_of(self._vote(stage, rule.ballot_kind, seat) for seat in voters)
        ballots = [record.cast[name] for name in here.state.seats if name in record.cast]
        verdict = decide(
            rule,
            ballots,
            [record.spoiled[name] for name in here.state.seats if name in record.spoiled],
            options,
            here.state.seats,
            seed=here.seed,
            tie_break=decision.tie_break,
            quorum=float(decision.quorum),
            exclude_self_votes=self._bars_own(options),
        )
        counted = valid_ballots(rule.ballot_kind, ballots, options, here.state.seats, exclude_self_votes=self._bars_own(options))
        recounts = count_under_all(counted, options) if len(options) > 1 and counted else ()
        outcome = _alone(verdict, options) if rule.ballot_kind != "position" else verdict
        await here.recorder.record(kinds.BallotCounted, stage=stage, verdict=outcome, recounts=recounts)

    def _rule_for(self, stage: BallotStage) -> DecisionRule:
        if stage == "final" or (self._rule.ballot_kind == "position" and len(self._options(stage)) == 1):
            return self._rule
        return self._selection if self._ranks(stage) or self._rule.ballot_kind == "position" else self._rule

    def _ranks(self, stage: BallotStage) -> bool:
        """Whether this ballot only ranks the statements of a `ranked` round."""
        if not stage.startswith(POLL) or self._here.state.transcript.options:
            return False
        return self._here.plan.rounds[int(stage.removeprefix(POLL))].ranked

    def _opening(self, stage: BallotStage, rule: DecisionRule) -> dict[str, Any]:
        here = self._here
        options = self._options(stage)
        relabelled = any(option.author for option in options)
        voters = [seat.name for seat in here.present]
        seed = derived_seed(here.seed, "papers", stage)
        if self._bars_own(options):
            papers = [self._paper_without_own(name, options, derived_seed(seed, name)) for name in voters]
        else:
            papers = list(ballot_papers(options, voters, seed=seed))
        return {
            "stage": stage,
            "ballot_kind": rule.ballot_kind,
            "options": options,
            "rule": rule.name,
            "readings": {paper.reader: paper.positions for paper in papers},
            "relabelled": relabelled,
        }

    @staticmethod
    def _paper_without_own(name: str, options: Sequence[Option], seed: int) -> BallotPaper:
        return ballot_papers([option for option in options if option.author != name], [name], seed=seed)[0]

    def _options(self, stage: BallotStage) -> tuple[Option, ...]:
        state = self._here.state
        chosen = state.ballots["selection"].counted if stage == "final" and "selection" in state.ballots else None
        if chosen is not None:
            options = state.ballots["selection"].opened.options
            return tuple(option for option in options if option.label == chosen.verdict.option) or options[:1]
        return state.transcript.options or state.candidates(self._candidate_round(stage))

    def _candidate_round(self, stage: BallotStage) -> int:
        if stage == "before":
            return 0
        chosen = self._here.plan.decision.candidates_from
        if self._ranks(stage):
            return int(stage.removeprefix(POLL))
        if chosen is not None:
            return chosen
        state = self._here.state
        spoken = [index for index in sorted(state.rounds) if state.candidates(index)]
        # Where a round was broken off, those who had not spoken in it would have no statement to be voted for.
        broken_off = state.rounds_ended.in_round if state.rounds_ended and state.rounds_ended.unheard else None
        return ([index for index in spoken if index != broken_off] or spoken or [0])[-1]

    def _bars_own(self, options: Sequence[Option]) -> bool:
        authors = {option.author for option in options if option.author}
        return self._here.plan.decision.exclude_self_votes and len(authors) >= ENOUGH_AUTHORS

    def _seen(self, stage: BallotStage, seat: Seat) -> tuple[Statement, ...]:
        """Return what a voter sees besides the options.

        Statements that are voted on are read as options, without their authors. Before the exchange, and in the isolated re-ask, a voter
        sees its own opening at most.
        """
        said, given = self._here.state.transcript.statements, bool(self._here.state.transcript.options)
        if stage in {"before", "control"}:
            opening_stands_apart = given or self._candidate_round(stage) > 0
            return tuple(one for one in said if opening_stands_apart and one.seat == seat.name and one.round_index == 0)
        if given:
            return said
        candidates = self._candidate_round(stage)
        return tuple(one for one in said if one.round_index < candidates or one.round_kind == REMARK)

    def _talk_about(self, stage: BallotStage, paper: BallotPaper) -> tuple[Statement, ...]:
        """Return what was said about the statements on the paper after they stood, their authors called by the labels on this paper."""
        state = self._here.state
        if state.transcript.options or stage in {"before", "control"}:
            return ()
        round_index, by_label = self._candidate_round(stage), {option.label: option for option in state.ballots[stage].opened.options}
        labels = {real: shown for shown, real in paper.original.items()}
        authors = {option.author: f"Author of {labels[label]}" for label, option in reversed(by_label.items()) if label in labels}
        digests = state.transcript.digests or {}
        later = [
            said
            for said in state.transcript.statements
            if said.round_index > round_index and said.round_kind != REMARK and said.round_index not in digests
        ]
        return mask_statements(later, {name: mask for name, mask in authors.items() if name != paper.reader})

    def _paper(self, stage: BallotStage, seat: Seat) -> BallotPaper:
        opened = self._here.state.ballots[stage].opened
        return paper_as_read(opened.options, opened.readings[seat.name], seat.name, relabel=opened.relabelled)

    def _prompt(self, stage: BallotStage, seat: Seat, complaint: str) -> Prompt:
        instruction = ballot_instruction(self._rule_for(stage).ballot_kind)
        paper = self._paper(stage, seat)
        request = self._here.request(
            seat,
            round_title="ballot",
            instruction=f"{instruction}\n{escape(complaint)}".strip(),
            options=paper.options,
            apart=self._talk_about(stage, paper),
        )
        return self._here.prompt(request, self._seen(stage, seat))

    async def _vote(self, stage: BallotStage, kind: BallotKind, seat: Seat) -> None:
        """Ask for a ballot; an unreadable one is asked for once more with the reason."""
        here, turn_id = self._here, f"{stage}.{seat.name}"
        paper = self._paper(stage, seat)
        labels = [option.label for option in paper.options]
        settings = seat.asked(schema=ballot_schema(kind, labels))
        complaint, cast = "", SpoiledBallot(seat=seat.name, reason="no answer was given")
        for attempt in range(1, _ATTEMPTS + 1):
            prompt = self._prompt(stage, seat, complaint)
            shorten = here.shortening(seat, partial(self._prompt, stage, complaint=complaint), settings.max_tokens)
            turn = Turn(id=turn_id, seat=seat, round_index=here.last_round, prompt=prompt, settings=settings, shorten=shorten)
            too_long = await here.overflow(seat, prompt, settings.max_tokens)
            answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
            if isinstance(answer, GaveUp):
                spoiled = SpoiledBallot(seat=seat.name, reason=f"no ballot: {answer.error.message}", raw=answer.partial_text)
                cast_none = (kinds.BallotSpoiled, {"turn": turn_id, "stage": stage, "spoiled": spoiled})
                await here.recorder.record_all([answer.failure, cast_none, *here.asker.loss(seat, answer.error)])
                return
            read = read_ballot(kind, labels, seat.name, answer.text, weight=seat.weight)
            if isinstance(read, Ballot):
                ballot = paper.read_back(read)
                await here.recorder.record(kinds.BallotCast, **_cast(turn_id, stage, ballot, answer, repaired=attempt > 1))
                return
            complaint, cast = f"Your last answer could not be counted: {read.reason}. Answer only with the JSON object.", read
        await here.recorder.record(kinds.BallotSpoiled, turn=turn_id, stage=stage, spoiled=cast)

    async def _keep_ledger(self) -> None:
        """Record every change of position, and what of it cannot be judged."""
        facts = ledger_facts(self._here.state)
        if facts:
            await self._here.recorder.record_all(facts)

    async def hear_dissent(self) -> None:
        """Ask every seat that does not support the outcome for its reasons; they stand in the record in its own words."""
        here = self._here
        counted = here.state.ballots["final"].counted
        if counted is None or not counted.verdict.option:
            return
        verdict = counted.verdict
        instruction = DISSENT_INSTRUCTION.format(label=verdict.option, text=escape(" ".join(verdict.text.split())))
        waiting = [here.seats[name] for name in verdict.dissent if name in here.state.present and f"dissent.{name}" not in here.state.turns]

        def prompt(seat: Seat) -> Prompt:
            return here.prompt(here.request(seat, round_title="dissent", instruction=instruction), here.state.transcript.statements)

        if waiting:
            await here.checkpoint()
            await here.make_room(waiting, prompt, None)
            await all_of(self._dissent(seat, prompt(seat)) for seat in waiting)

    async def _dissent(self, seat: Seat, prompt: Prompt) -> None:
        here, turn_id = self._here, f"dissent.{seat.name}"
        turn = Turn(id=turn_id, seat=seat, round_index=here.last_round, prompt=prompt, settings=seat.settings)
        too_long = await here.overflow(seat, prompt, None)
        answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
        words = here.cleaned(seat, answer.text).text if isinstance(answer, Response) else ""
        if isinstance(answer, Response) and not answer.passed and not words:
            error = EmptyAnswer(f"{seat.name} said nothing of its own on its dissent.", hint="Try another model for this seat.")
            answer = here.asker.refused(turn, error)
        if isinstance(answer, GaveUp):
            await here.recorder.record_all([answer.failure, *here.asker.loss(seat, answer.error)])
        elif answer.passed:
            await here.recorder.record(kinds.TurnPassed, turn=turn_id, seat=seat.name, round_index=turn.round_index, reason=answer.text)
        else:
            await here.recorder.record(
                kinds.DissentRecorded,
                turn=turn_id,
                seat=seat.name,
                text=words,
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
