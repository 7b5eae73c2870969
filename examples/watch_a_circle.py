"""Watch a circle from code: three personas on one model file, statements and scores as they happen.

python examples/watch_a_circle.py                      the bundled rehearsal model
python examples/watch_a_circle.py ~/models/some.gguf   your own
"""

import asyncio
import sys

from mallku.assembly.seating import seat_participant
from mallku.engine import EnginePool
from mallku.events.kinds import BallotCounted, StatementMade, TurnScored
from mallku.firecircle import FireCircle

QUESTION = "Should our cooperative let members see each other's energy use?"


def tell(event: StatementMade | TurnScored | BallotCounted) -> None:
    """Print what happened in one line."""
    match event:
        case StatementMade():
            print(f"\n{event.seat} ({event.round_kind}): {event.text}")
        case TurnScored():
            figures = [f"{score.dimension} {score.value:.2f}" for score in event.scores if score.value is not None]
            print(f"    {event.seat}: {', '.join(figures)}")
        case BallotCounted():
            print(f"\n{event.stage} ballot: {event.verdict.status}, {event.verdict.text}")


async def main(spec: str) -> None:
    """Seat three personas and deliberate."""
    engines = EnginePool()  # seats that share a pool share the weights, and what their prompts have in common
    async with FireCircle(seed=11, journal=":memory:") as circle:
        for _ in range(3):
            circle.add_participant(seat_participant(spec, engines=engines))
        circle.bus.subscribe(tell, StatementMade, TurnScored, BallotCounted)
        result = await circle.deliberate(QUESTION, options=["Yes, to all members", "Only with consent", "No"])
    print(f"\n{result.status}. Dissent: {result.state.dissent or 'none'}")


if __name__ == "__main__":
    asyncio.run(main(f"gguf:{sys.argv[1]}" if len(sys.argv) > 1 else "tiny"))
