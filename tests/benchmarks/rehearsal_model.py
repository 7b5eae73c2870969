"""How well the bundled rehearsal model holds a deliberation on questions whose nouns, names and roles it never saw.

Run: `python tests/benchmarks/rehearsal_model.py [--gguf FILE] [--show]`.
Four seats, three rounds and a ballot for each of twenty questions.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import llama_cpp

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rehearsal_questions import FAMILIAR, FREE, SEATS

from mallku.dialogue.ballot_form import ballot_instruction, ballot_schema, read_ballot
from mallku.dialogue.prompt_layout import TurnRequest, lay_out
from mallku.dialogue.round_kinds import EXCHANGE_INSTRUCTION, INSTRUCTIONS
from mallku.dialogue.transcript import Statement, Transcript, given_options
from mallku.dialogue.verdict import Ballot
from mallku.tiny import rehearsal_model_path
from mallku.tiny.recipe.deliberations import Deliberations

TRAINED_SAMPLE = 6000
TEMPERATURE = 0.7


class Speaker:
    def __init__(self, path, seed, threads, temperature=TEMPERATURE):
        # extra buffer types crash with quantized files on some virtual machines; this file is F16, where they do no harm
        self.llama = llama_cpp.Llama(str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)
        self.seed = seed
        self.temperature = temperature

    def answer(self, prompt, *, schema=None, limit=200):
        self.seed += 1
        grammar = llama_cpp.LlamaGrammar.from_json_schema(json.dumps(schema), verbose=False) if schema else None
        made = self.llama.create_chat_completion(
            [{"role": message.role, "content": message.content} for message in prompt.messages],
            max_tokens=limit, temperature=self.temperature, top_p=0.95, seed=self.seed, grammar=grammar,
        )  # fmt: skip
        choice = made["choices"][0]
        return choice["message"]["content"].strip(), choice["finish_reason"] == "stop"


def names_one(text, names):
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def deliberate(speaker, question, seats, rng, show):
    """Return the replies of one deliberation as rows, and its ballots."""
    transcript, rows, ballots = Transcript(question=question), [], []
    for number, kind in enumerate(("opening", "reflection", "synthesis")):
        before = transcript
        for name, role, told in rng.sample(seats, len(seats)):
            others = [other for other, _, _ in seats if other != name]
            asked = rng.choice(others) if kind == "reflection" and rng.random() < 0.6 else None
            instruction = EXCHANGE_INSTRUCTION if kind == "reflection" else INSTRUCTIONS[kind]
            if asked:
                instruction += f" Answer {asked}."
            request = TurnRequest(
                seat=name, role=role, persona=told, round_title="exchange" if kind == "reflection" else kind,
                instruction=instruction, question=question, max_words=90,
            )  # fmt: skip
            text, ended = speaker.answer(lay_out(before, request))
            rows.append({"kind": kind, "name": name, "role": role, "text": text, "ended": ended, "others": others, "asked": asked})
            if show:
                print(f"  [{kind}] {name}{', ' + role if role else ''}{' -> ' + asked if asked else ''}: {text}")
            said = Statement(turn=f"r{number}.{name}", seat=name, round_index=number, round_kind=kind, text=text)
            transcript = transcript.said(said)
            if kind == "reflection":
                before = transcript
    proposals = [said for said in transcript.statements if said.round_index == 2]
    visible = Transcript(question=question, statements=tuple(said for said in transcript.statements if said.round_index < 2))
    options = given_options([said.text for said in proposals])
    for name, role, told in seats:
        read = [option for option, said in zip(options, proposals, strict=True) if said.seat != name]
        rng.shuffle(read)
        labels = [option.label for option in read]
        request = TurnRequest(
            seat=name,
            role=role,
            persona=told,
            round_title="ballot",
            instruction=ballot_instruction("choice"),
            question=question,
            options=tuple(read),
        )
        constrained = [
            speaker.answer(lay_out(visible, request), schema=ballot_schema("choice", labels)),
            speaker.answer(lay_out(visible, request)),
        ]
        ballots.append([ended and isinstance(read_ballot("choice", labels, name, text), Ballot) for text, ended in constrained])
        if show:
            print(f"  [ballot] {name} {labels}: {constrained[0][0]}")
    return rows, ballots


def unseen_words():
    """Return those of the evaluation's words that do occur in the corpus; there should be none."""
    deliberations, seen = Deliberations(), set()
    for seed in range(TRAINED_SAMPLE):
        tree = deliberations.make(seed + 77_000_000)
        seen.update(re.findall(r"\w+", " ".join((*tree.segments, *(branch.turn for branch in tree.branches)))))
    words = {topic for _, topic in (*FAMILIAR, *FREE)} | {name for seats in SEATS for name, _, _ in seats}
    return sorted(words & seen)


def share(hits):
    hits = list(hits)
    return f"{sum(map(bool, hits))}/{len(hits)} {sum(map(bool, hits)) / max(len(hits), 1):.0%}"


def figures(rows, ballots):
    statements = [row["text"] for row, _ in rows]
    pairs = [pair for text in statements for pair in zip(text.lower().split(), text.lower().split()[1:], strict=False)]
    asked = [row for row, _ in rows if row["asked"]]
    replies = [row for row, _ in rows if row["kind"] != "opening"]
    repeats = sum(count - 1 for count in Counter(statements).values())
    named = [
        row["role"] in row["text"]
        for row, _ in rows
        if row["role"] and re.search(r"\b[Aa]s an? |work as|[Bb]eing an? |speak as", row["text"])
    ]
    topic = lambda wanted: [where in row["text"].lower() for row, (_, where) in rows if (_, where) in wanted]  # noqa: E731
    return {
        "statements that end by themselves": share(row["ended"] for row, _ in rows),
        "contain the topic noun, familiar frames": share(topic(FAMILIAR)),
        "contain the topic noun, free wording": share(topic(FREE)),
        "name the seat they were told to answer": share(names_one(row["text"], [row["asked"]]) for row in asked),
        "name an earlier speaker (exchange, synthesis)": share(names_one(row["text"], row["others"]) for row in replies),
        "own role right where stated": share(named),
        "distinct-2": f"{len(set(pairs)) / max(len(pairs), 1):.3f}",
        "exact repeats": f"{repeats}/{len(statements)} {repeats / len(statements):.1%}",
        "words a statement, mean": f"{sum(len(text.split()) for text in statements) / len(statements):.1f}",
        "ballots valid and finished, with grammar": share(ballot[0] for ballot in ballots),
        "ballots valid and finished, without grammar": share(ballot[1] for ballot in ballots),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, default=rehearsal_model_path())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=TEMPERATURE)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--show", action="store_true")
    chosen = parser.parse_args()
    rng, speaker = random.Random(chosen.seed), Speaker(chosen.gguf, chosen.seed * 100_000, chosen.threads, chosen.temperature)
    rows, ballots = [], []
    mixed = [pair for both in zip(FAMILIAR, FREE, strict=True) for pair in both][: chosen.questions]
    for number, asked in enumerate(mixed):
        if chosen.show:
            print(f"\n# {asked[0]}")
        made, cast = deliberate(speaker, asked[0], SEATS[(number // 2) % len(SEATS)], rng, chosen.show)
        rows += [(row, asked) for row in made]
        ballots += cast
    print("\nwords of the evaluation found in the corpus:", ", ".join(unseen_words()) or "none")
    for name, figure in figures(rows, ballots).items():
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
