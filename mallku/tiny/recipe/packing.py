"""Trees as rows of tokens: the trunk once, then each turn, which may look at the trunk up to where it left it, and at itself."""

import random
import string
from dataclasses import dataclass, field
from typing import Final, Protocol

from mallku.tiny.recipe.deliberations import Deliberations, Tree
from mallku.tiny.recipe.plain import plain_chat

END: Final = "<|end|>"
"""Ends every message; the model ends its answer with it."""
SPECIALS: Final = (END, "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>")
"""The control tokens, in the order of their numbers."""

TRUNK_WEIGHT: Final = 0.2
"""How much a token of a statement in the trunk counts in the loss; a token of a reply counts 1."""
NAME_WEIGHT: Final = 5.0
"""How much the first token of a name counts; it is where the model has to know whom it speaks of."""
_PLAIN_SHARE: Final = 0.02
_CLOSING: Final = "\n</statement>\n"


class Encoder(Protocol):
    """Turns text into token numbers."""

    def __call__(self, text: str) -> list[int]:
        """Return the tokens of the text."""
        ...


@dataclass(slots=True)
class Row:
    """One row of a batch, being filled."""

    tokens: list[int] = field(default_factory=list)
    """The tokens read."""
    targets: list[int] = field(default_factory=list)
    """The token to be predicted at each place, or -1."""
    weights: list[float] = field(default_factory=list)
    """What the prediction counts."""
    positions: list[int] = field(default_factory=list)
    """Rotary position."""
    starts: list[int] = field(default_factory=list)
    """Index in the row where its tree starts."""
    limits: list[int] = field(default_factory=list)
    """The trunk is seen up to this index."""
    owns: list[int] = field(default_factory=list)
    """Its own branch is seen from this index; for the trunk its start."""

    def add(self, tokens: list[int], targets: list[int], *, weight: float, position: int, start: int, limit: int, own: int) -> None:
        """Append tokens that share where they start and what they see."""
        count = len(tokens)
        self.tokens += tokens
        self.targets += targets
        self.weights += [weight if target >= 0 else 0.0 for target in targets]
        self.positions += range(position, position + count)
        self.starts += [start] * count
        self.limits += [limit] * count
        self.owns += [own] * count


def capitals(encode: Encoder) -> frozenset[int]:
    """Return the tokens of a capital letter after a space: inside a sentence nearly always the start of a name."""
    pieces = (encode(f" {letter}") for letter in string.ascii_uppercase if letter != "I")
    return frozenset(piece[0] for piece in pieces if len(piece) == 1)


def pack_tree(row: Row, tree: Tree, encode: Encoder, rng: random.Random, room: int, *, names: frozenset[int] = frozenset()) -> None:
    """Append as much of the tree as there is room for: a part of the trunk, and turns on it, chosen by lot.

    `names` are the tokens that count as the start of a name where no sentence has ended before them.
    """
    ends_sentence = {encode(mark)[-1] for mark in ".?:"}
    start = len(row.tokens)
    head = ([1, *encode(tree.system), 0] if tree.system else []) + [2]
    pieces = [encode(segment) for segment in tree.segments]
    ends = [len(head)]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    reachable = [count for count in range(len(ends)) if ends[count] <= room * 0.75]
    if not reachable:
        return
    cut = reachable[-1] if rng.random() < 0.7 else rng.choice(reachable)
    turns = []
    for branch in tree.branches:
        if branch.after <= cut:
            asked = [*encode(branch.turn), 0, 3]
            turns.append((branch, asked, [*encode(branch.reply), 0]))
    rng.shuffle(turns)
    # turns late in the trunk are rarer than there is room for them; take one first
    turns.sort(key=lambda turn: -turn[0].after if rng.random() < 0.5 else 0)
    chosen = []
    used = 0
    for branch, asked, reply in turns:
        size = len(asked) + len(reply)
        if ends[branch.after] + used + size <= room:
            chosen.append((branch, asked, reply))
            used += size
        cut_needed = max((branch.after for branch, _, _ in chosen), default=0)
        if ends[cut_needed] + used > room:
            used -= size
            chosen.pop()
    if not chosen:
        return
    last = max(branch.after for branch, _, _ in chosen)
    trunk = head + [token for piece in pieces[:last] for token in piece]
    targets = [-1] * len(trunk)
    for index in range(last):
        if tree.segments[index].startswith("<statement"):
            body = tree.segments[index].index("\n") + 1
            skip = ends[index] + len(encode(tree.segments[index][:body]))
            closing = len(encode(_CLOSING))
            for place in range(skip, ends[index + 1] - closing):
                targets[place - 1] = trunk[place]
    row.add(trunk, targets, weight=TRUNK_WEIGHT, position=0, start=start, limit=start, own=start)
    for branch, asked, reply in chosen:
        own = len(row.tokens)
        tokens = asked + reply[:-1]
        place = ends[branch.after]
        row.add(tokens, [-1] * (len(asked) - 1) + reply, weight=1.0, position=place, start=start, limit=start + place, own=own)
        answer = len(row.tokens) - len(reply)
        for index in range(1, len(reply)):
            if reply[index] in names and reply[index - 1] not in ends_sentence:
                row.weights[answer + index] = NAME_WEIGHT


def pack_row(seed: int, deliberations: Deliberations, encode: Encoder, length: int, *, names: frozenset[int] = frozenset()) -> Row:
    """Return the row of this seed: one tree, and smaller ones while there is room."""
    rng = random.Random(seed)
    row = Row()
    for number in range(6):
        room = length - len(row.tokens)
        if room < 60:
            break
        tree_seed = seed * 8 + number
        plain = rng.random() < _PLAIN_SHARE or room < 250
        tree = plain_chat(tree_seed, deliberations.vocabulary) if plain else deliberations.make(tree_seed)
        pack_tree(row, tree, encode, rng, room, names=names)
    return row
