"""What speculation from the transcript would bring: how often a turn goes on as it did after the same tokens earlier on.

`python tests/benchmarks/engine_speculation.py` lets five seats of the bundled model speak for three rounds and replays their turns:
where the last three or two tokens stood before, the three that followed them are drafted, and those that the model really said next
were right. No speed is measured here: `engine_steps.py` says what another column of a step costs.
"""

# ruff: noqa: T201 (a benchmark prints its table)

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from mallku.dialogue.message import Message  # noqa: E402 (found through the path set above)
from mallku.engine import EngineRequest, EngineSettings, Sampling, load_engine, whole_result  # noqa: E402 (as above)

MODEL = Path(__file__).resolve().parents[2] / "mallku" / "tiny" / "rehearsal.gguf"
SEATS = ("Ada", "Ben", "Cleo", "Dan", "Eve")
DRAFT = 3


def draft_after(seen):
    """Return what followed the last occurrence of the last three or two tokens."""
    for length in (3, 2):
        suffix = seen[-length:]
        for at in range(len(seen) - length - 1, -1, -1):
            if seen[at : at + length] == suffix:
                return seen[at + length : at + length + DRAFT]
    return []


def replay(rounds):
    """Return tokens, steps, and tokens drafted and accepted."""
    tokens = steps = drafted = accepted = 0
    heard = []
    for turns in rounds:
        for turn in turns:
            at = 0
            while at < len(turn):
                draft = draft_after(heard + turn[:at])
                right = 0
                while right < min(len(draft), len(turn) - at) and draft[right] == turn[at + right]:
                    right += 1
                steps, drafted, accepted = steps + 1, drafted + len(draft), accepted + right
                at += right + 1
            tokens += len(turn)
        heard += [token for turn in turns for token in turn]
    return tokens, steps, drafted, accepted


async def speak(engine, temperature):
    """Let the seats speak."""
    rounds, said = [], ""
    for _ in range(3):
        asked = [f"{said}Should the village open the observatory to everyone? You are {seat}. Speak." for seat in SEATS]
        sampling = Sampling(temperature=temperature, seed=5)
        requests = [EngineRequest(messages=(Message(role="user", content=text),), max_tokens=64, sampling=sampling) for text in asked]
        results = await asyncio.gather(*(whole_result(engine, request) for request in requests))
        rounds.append([list(result.tokens) for result in results])
        said += "".join(f"{result.text}\n" for result in results)
    return rounds


async def main():
    """Measure at two temperatures."""
    engine = await load_engine(EngineSettings(model_path=MODEL, threads=1))
    for temperature in (0.0, 0.7):
        tokens, steps, drafted, accepted = replay(await speak(engine, temperature))
        share = f"{accepted} of {drafted} drafted were right"
        print(f"temperature {temperature}: {tokens} tokens in {steps} steps, {tokens / steps:.2f} a step; {share}")
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main())
