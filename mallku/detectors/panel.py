"""The panel: all detectors judge a statement, and one that fails does not silence the others."""

from collections.abc import Iterable
from contextlib import suppress

from mallku.detectors.detector import Detector, JudgedTurn, Preparing
from mallku.dialogue.score import Score, TurnScores
from mallku.errors import ConfigurationError, MallkuError


class Panel:
    """Detectors that judge together, in a fixed order."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        """Seat the detectors.

        Raises:
            ConfigurationError: two of them judge the same dimension.
        """
        self.detectors = tuple(detectors)
        """Who judges, in the order of the scores."""
        dimensions = [detector.dimension for detector in self.detectors]
        twice = sorted({name for name in dimensions if dimensions.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"Two detectors judge the same dimension: {', '.join(map(repr, twice))}.",
                hint="Leave one of them out, or give the new one a dimension of its own.",
            )

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What is judged, in the order of the scores."""
        return tuple(detector.dimension for detector in self.detectors)

    async def prepare(self, turn: JudgedTurn) -> None:
        """Let the detectors that need something first get it; one that cannot judges without it."""
        for detector in self.detectors:
            if isinstance(detector, Preparing):
                with suppress(MallkuError):
                    await detector.prepare(turn)

    async def close(self) -> None:
        """Give back what detectors hold."""
        for detector in self.detectors:
            if isinstance(detector, Preparing):
                await detector.close()

    def judge(self, turn: JudgedTurn) -> TurnScores:
        """Return one score for each detector.

        It takes about a millisecond of processor time with the detectors that come with mallku; call it beside the next turn.
        """
        return TurnScores(
            turn=turn.statement.turn,
            seat=turn.statement.seat,
            scores=tuple(_judged(detector, turn) for detector in self.detectors),
        )


def _judged(detector: Detector, turn: JudgedTurn) -> Score:
    try:
        return detector.judge(turn)
    except Exception as error:  # noqa: BLE001 - the border to detectors that others wrote: one that fails is reported in its score
        return Score.unscored(
            detector.dimension,
            f"The detector failed with {type(error).__name__}: {error}",
            detector=type(detector).__name__,
        )
