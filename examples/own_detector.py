"""A detector of your own: how many of a statement's sentences are questions.

Run it as it stands, or make it known to every panel through an entry point in your package's `pyproject.toml`:

    [project.entry-points."mallku.detectors"]
    curiosity = "your_package:Curiosity"
"""

from mallku.detectors import JudgedTurn, Panel, default_panel, judged_turn
from mallku.dialogue.score import Evidence, Score


class Curiosity:
    """Scores the share of sentences that ask something."""

    dimension = "curiosity"

    def judge(self, turn: JudgedTurn) -> Score:
        """Count sentences by their closing mark."""
        text = turn.statement.text
        ends = [place for place, mark in enumerate(text) if mark in ".!?"]
        if not ends:
            return Score.unscored(self.dimension, "There is no finished sentence.", detector="curiosity/1")
        asked = [place for place in ends if text[place] == "?"]
        share = len(asked) / len(ends)
        evidence = [Evidence(label="asks", contribution=1 / len(ends), start=place, end=place + 1, text="?") for place in asked]
        return Score(
            dimension=self.dimension,
            value=share,
            raw=share,
            evidence=tuple(evidence) or (Evidence(label="asks-nothing", contribution=0.0),),
            detector="curiosity/1",
        )


if __name__ == "__main__":
    panel = Panel([*default_panel().detectors, Curiosity()])
    turn = judged_turn("Who holds the keys? I do not. Do you?", previous=[("Ada", "The keys are gone.")], speaker="Bo")
    for score in panel.judge(turn).scores:
        print(f"{score.dimension:14} {'unscored' if score.value is None else f'{score.value:.2f}':>8}  {score.reason}")
