"""Draws `docs/deliberation.svg`, the picture of the README, from a real deliberation of the bundled model.

Run it from the root of the repository: `python docs/capture.py`. `--seed` and `--question` choose another run, `--width` another terminal.
"""

import argparse
import asyncio
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from mallku.assembly.build import SeatWish, Wishes, assemble
from mallku.console.live_view import LiveView
from mallku.console.theme import THEME

QUESTION = "Should the village open the observatory to everyone?"
TARGET = Path(__file__).with_name("deliberation.svg")

INK = TerminalTheme(
    (16, 20, 28),
    (214, 219, 226),
    [(40, 46, 58), (233, 110, 110), (140, 200, 120), (229, 192, 110), (110, 160, 235), (200, 140, 220), (95, 195, 205), (214, 219, 226)],
    [
        (110, 120, 136),
        (240, 130, 130),
        (165, 220, 145),
        (240, 210, 135),
        (140, 185, 245),
        (220, 165, 235),
        (130, 215, 225),
        (245, 247, 250),
    ],
)


OPTIONS = ("Open it to everyone at once", "Open it for one season and look again", "Keep it for the village")


async def capture(question: str, *, seed: int, width: int) -> str:
    """Run the deliberation and return the picture of what stays in the terminal."""
    console = Console(
        record=True, width=width, height=60, file=io.StringIO(), force_terminal=True, color_system="truecolor", theme=THEME,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    seats = tuple(SeatWish(name=name, spec="tiny") for name in ("Amaru", "Noor", "Ilse"))
    assembly = await assemble(Wishes(seats=seats, seed=seed, journal=":memory:"))
    view = LiveView(console)
    assembly.circle.bus.subscribe(view)
    async with assembly.circle as circle:
        await circle.deliberate(question, options=OPTIONS)
    picture = console.export_svg(title=f'mallku deliberate "{question}"', theme=INK)
    # rich's frame fetches its font from elsewhere; whoever looks at ours fetches nothing
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--width", type=int, default=110)
    parser.add_argument("--to", type=Path, default=TARGET)
    given = parser.parse_args()
    picture = asyncio.run(capture(given.question, seed=given.seed, width=given.width))
    given.to.write_text(picture, encoding="utf-8")
    print(f"{given.to} is written.")


if __name__ == "__main__":
    main()
