"""How well drift, novelty and repetition tell what they are meant to tell, on statements that people really made.

    python tests/benchmarks/focus.py

Citizens' statements from nineteen conversations (`tests/data/detectors/polis_opendata`, see the README there) stand for what a round
says. The questions are written here, since the data names conversations only. A statement of the question's own conversation counts as
on it, one of another conversation as off it. That is harder than in a circle: citizens did not read the question restated before every
turn.
"""

import csv
import gzip
import random
from collections.abc import Sequence
from pathlib import Path

from mallku.dialogue.transcript import Statement, Transcript
from mallku.firecircle.focus import drift, novelty

DATA = Path(__file__).parents[1] / "data" / "detectors" / "polis_opendata" / "comments.csv.gz"
QUESTIONS = {
    "march-on": "What should the movement demand of politicians in the USA, and how should it organise marches and voting?",
    "austria-climate.5tzfrp5eaa": "Mobilität: Wie soll der Verkehr in Österreich klimaneutral werden, mit Auto, Bahn, Bus und Rad?",
    "austria-climate.9xnndurbfm": "Konsum und Produktion: Wie sollen wir klimafreundlich einkaufen, herstellen und mit Rohstoffen umgehen?",
    "austria-climate.2vkxcncppn": "Energie: Wie soll Österreich klimaneutral Strom und Wärme erzeugen und Energie sparen?",
    "austria-climate.7z7ejpbmv5": "Wohnen: Wie sollen wir in Österreich klimafreundlich bauen, wohnen und Boden nutzen?",
    "american-assembly": "What should Bowling Green do to become a better place to live, work and spend time?",
    "bg2050": "What should Bowling Green look like in 2050, and what should it build, keep and change?",
    "scoop-hivemind.biodiversity": "How should New Zealand protect its biodiversity, native species and forests from pests and loss?",
    "football-concussions": "Should children play tackle football, given what is known of concussions and brain injuries?",
    "ssis.land-bank": "How should the Land Bank use its farmland on the island, and for which farmers?",
    "vtaiwan": "Uber 與計程車 台灣應該如何管理叫車服務 司機 保險與稅務",
    "canadian-electoral": "How should Canada elect its parliament: should the voting system be reformed, and would every vote count?",
    "scoop-hivemind.affordable": "How can New Zealand make housing affordable for people who rent or want to buy houses?",
    "scoop-hivemind.taxes": "How should New Zealand tax income, wealth and companies fairly?",
    "scoop-hivemind.freshwater": "How should New Zealand keep its rivers, lakes and fresh water clean, and who should pay for water?",
    "scoop-hivemind.ubi": "Should New Zealand pay a universal basic income to everybody, and how would it be paid for?",
    "15-per-hour": "Should Seattle raise the minimum wage to 15 dollars an hour, and what would it do to workers, businesses and jobs?",
    "brexit": "How should the United Kingdom leave the European Union, and what should Brexit mean for borders and trade?",
    "london.youth": "How should the police work with young people in London, and how can youth trust policing?",
}
ROUNDS = 300
SEATS = 5


def read() -> dict[str, list[str]]:
    """Return the statements of each conversation that are at least five words long."""
    talks: dict[str, list[str]] = {name: [] for name in QUESTIONS}
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = next((name for name in QUESTIONS if row["conversation"].startswith(name)), None)
            if name and (len(row["text"].split()) >= 5 or name == "vtaiwan"):
                talks[name].append(row["text"])
    return talks


def said(texts: Sequence[str], round_index: int = 0) -> list[Statement]:
    """Return texts as statements of a round."""
    return [
        Statement(turn=f"r{round_index}.{place}", seat=f"s{place}", round_index=round_index, round_kind="opening", text=text)
        for place, text in enumerate(texts)
    ]


def quantiles(figures: Sequence[float]) -> str:
    """Return the 5th, 50th and 95th percentile."""
    ordered = sorted(figures)
    return "  ".join(f"{ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.2f}" for share in (0.05, 0.5, 0.95))


def drift_figures(talks: dict[str, list[str]], lottery: random.Random) -> None:
    """Print how often a round is taken for one that left the question, by how many of its statements did."""
    print(f"rounds of {SEATS} statements, by how many are off the question: share of rounds noticed at each threshold")
    for before in (0, 1, 4):
        rounds: dict[int, list[float]] = {off: [] for off in range(SEATS + 1)}
        for name, question in QUESTIONS.items():
            others = [text for other in talks if other != name and not alike(name, other) for text in talks[other]]
            for _ in range(ROUNDS // len(QUESTIONS)):
                earlier = lottery.sample(talks[name], before * SEATS)
                talk = Transcript(question=question, statements=tuple(said(earlier)))
                rest = [text for text in talks[name] if text not in earlier]
                for off, figures in rounds.items():
                    figure = drift(talk, said(lottery.sample(rest, SEATS - off) + lottery.sample(others, off), 1))
                    figures.append(1.0 if figure is None else figure)
        print(f"after {before} rounds   >0.5  >0.6  >0.7  >0.8")
        for off, figures in rounds.items():
            shares = (sum(figure > limit for figure in figures) / len(figures) for limit in (0.5, 0.6, 0.7, 0.8))
            print(f"  {off} of {SEATS} off      " + "  ".join(f"{share:4.0%}" for share in shares))


def alike(name: str, other: str) -> bool:
    """Whether two conversations are about one matter, so that their statements are not off each other's question."""
    groups = ({"american-assembly", "bg2050"}, {"scoop-hivemind.biodiversity", "scoop-hivemind.freshwater"})
    austrian = name.startswith("austria") and other.startswith("austria")
    return austrian or any({name, other} <= group for group in groups)


def novelty_figures(talks: dict[str, list[str]], lottery: random.Random) -> None:
    """Print the novelty of a round, by how much of it repeats or recombines the rounds before."""
    for before in (2, 6):
        figures: dict[str, list[float]] = {"all new": [], "three fifths old": [], "four fifths old": [], "all old": []}
        for pool in talks.values():
            for _ in range(ROUNDS // len(QUESTIONS)):
                texts = lottery.sample(pool, min((before + 1) * SEATS, len(pool)))
                earlier, fresh = texts[:-SEATS], texts[-SEATS:]
                for kind, olds in zip(figures, (0, 3, 4, SEATS), strict=True):
                    latest = fresh[olds:] + [recombined(earlier, lottery) for _ in range(olds)]
                    figure = novelty(said(latest, 1), said(earlier))
                    figures[kind].append(1.0 if figure is None else figure)
        print(f"\nnovelty of a round of {SEATS} after {before} rounds (5th, 50th, 95th percentile; share of rounds below each threshold)")
        print("                                     <0.05 <0.10 <0.15 <0.20 <0.30")
        for kind, found in figures.items():
            below = "  ".join(f"{sum(figure < limit for figure in found) / len(found):4.0%}" for limit in (0.05, 0.1, 0.15, 0.2, 0.3))
            print(f"  {kind:16} {quantiles(found)}   {below}")


def recombined(earlier: Sequence[str], lottery: random.Random) -> str:
    """Return a statement put together from halves of two earlier ones."""
    one, other = (text.split() for text in lottery.sample(list(earlier), 2))
    return " ".join([*one[: len(one) // 2 + 1], *other[len(other) // 2 :]])


if __name__ == "__main__":
    statements = read()
    print(f"{sum(map(len, statements.values()))} statements of {len(statements)} conversations, seed 7\n")
    drift_figures(statements, random.Random(7))
    novelty_figures(statements, random.Random(7))
