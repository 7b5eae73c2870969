"""Other words for what a circle asks, so that the model follows the sense and not the letter."""

import random
from typing import Final

from mallku.dialogue.round_kinds import RoundKind
from mallku.tiny.recipe.themes import Theme
from mallku.tiny.recipe.words import PEOPLE


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


INSTRUCTION_WORDS: Final[dict[RoundKind, tuple[str, ...]]] = {
    "opening": _split(
        "Say what you think, and why.|Give your first view.|Speak first for yourself. What is your view?|"
        "What is your own answer, before you hear the others?|State your position and one reason.|"
        "Share your view of the question in a few sentences.|Begin. What matters most to you here?|"
        "Answer the question from your own point of view."
    ),
    "exploration": _split(
        "Open a new side of the question.|What has nobody mentioned yet?|Look at it from a side that is missing.|"
        "Which aspect is still missing? Say why it matters.|Explore something the others left out."
    ),
    "reflection": _split(
        "Respond to the others.|Answer one of the others by name.|What did you hear that matters to you? Say who said it.|"
        "React to what another participant said.|Name one person and say whether you agree.|"
        "Pick a point somebody made and answer it.|Go into what has been said so far.|Has someone changed your view? Name that person.|"
        "Discuss with the others.|Exchange your views. Refer to the others by name."
    ),
    "critique": _split(
        "Criticise the strongest argument of another person.|Find the weak place in somebody's argument. Say whose it is.|"
        "Challenge one of the others by name.|Which point of another seat do you doubt, and why?|Test the best argument so far."
    ),
    "vision": _split(
        "Imagine it goes well. What do we see in ten years?|Paint the future if we decide wisely.|"
        "What would success look like?|Describe a good outcome."
    ),
    "grounding": _split(
        "Make it practical: who does what, and when?|What are the next steps?|Name the first step and who takes it.|"
        "How would it be done in practice?|What would it take?"
    ),
    "clarification": _split(
        "What do you not understand yet? Ask one person.|Ask another participant one question.|"
        "Put one open question to somebody by name.|What is unclear? Ask."
    ),
    "proposal": _split(
        "Propose something the circle can vote on.|Make a proposal.|What exactly should be done? Propose it.|"
        "Put one proposal on the table.|State one concrete proposal in a few sentences."
    ),
    "evaluation": _split(
        "Judge the proposals.|Say what is good and what is weak in one of the proposals.|"
        "Compare the proposals. Name whose they are.|Which proposal is better, and why?"
    ),
    "synthesis": _split(
        "Draw it together into one proposal.|Find a proposal that combines the views. Name the people.|"
        "Sum up and propose a way that most can accept.|Bring the threads together.|"
        "Turn what was said into one proposal. Say whose ideas you use.|Write one proposal out of all that was said."
    ),
    "consensus": _split(
        "Can you live with the proposal?|Do you consent? If not, what must change?|"
        "Say whether you can accept it, and what would help.|Is there a reason not to go ahead?"
    ),
    "decision": _split(
        "How will you vote, and why?|Announce your vote in one sentence.|Say what you decide and give one reason.|"
        "What is your final word?"
    ),
}  # fmt: skip
"""For each kind of round, how other plans may ask for the same."""

ROUND_TITLES: Final = _split(
    "first views|second round|exchange|answers|round two|a last word|going deeper|concerns|what we share|common ground|next steps|"
    "open floor|listening|final round|ideas|doubts"
)
DISSENT_WORDS: Final = _split(
    "You did not support the outcome. Say in your own words why, in two or three sentences.|"
    "You did not support the outcome. Say in your own words why, in two or three sentences.|"
    "The circle decided against your vote. Write a short dissent.|Your vote was in the minority. Say why you see it differently.|"
    "Write the minority's view in two or three sentences."
)
CHARTERS: Final = _split(
    "You take part in a circle. Speak plainly and name the others.|You are one of several voices in a council. Be brief and fair.|"
    "You are a helpful assistant.|"
    "This is a deliberation. What others said stands in tags. Speak for yourself.|You are a member of a citizens' assembly. Give reasons."
)

BALLOT_REASONS: Final = {
    "proposal": _split(
        "It takes {x} seriously.|It looks after {x}.|It puts {x} first, and so do I.|I trust what it says about {x}.|"
        "It does justice to {x}.|Of all options it cares most about {x}.|"
        "It keeps {x} in view, and for {t} that counts.|It is the clearest on {x}.|With {x} settled, I can support it.|"
        "It respects {x} and can be done soon.|I agree about {x}, because {s}.|It names {x}. {S}."
    ),
    "given": _split(
        "For {t} this is best, because {s}.|I choose this for {t}, since {s}.|{S}.|I care about {n}, and this option fits.|"
        "This does most for {n}.|Because {s}.|For me {n} {matters} most.|"
        "{o} is the careful answer for {t}.|I think of {n}: {s}.|It is the best way for {t}."
    ),
    "any": _split(
        "It fits what I said about {n}.|For {t} this is the best way, because {s}.|{S}.|It looks after {n}.|"
        "My own proposal still seems right to me.|It is clear and can be done for {t}.|I care about {n}, and it is in there."
    ),
}  # fmt: skip

_CARES: Final = _split(
    "You care about {c}.|You care most about {c}.|You look at {c}.|What matters to you is {c}.|Keep an eye on {c}.|"
    "You always ask about {c}.|You watch over {c}.|Your concern is {c}.|You stand for {c}.|Mind {c}."
)
_MANNERS: Final = _split(
    "You speak plainly.|Be brief.|You like short sentences.|You have lived here for years.|You are friendly but firm.|"
    "You give examples.|You listen first.|You are new here.|You ask before you judge.|Stay calm.|"
    "You weigh both sides.|You represent {p}.|You speak for {p}."
)
_STANCES: Final = {
    "yes": _split("You like new things.|You are hopeful.|You are in favour of change.|You see chances first.|You want to get things done."),
    "no": _split("You doubt what is new.|You are sceptical.|You look for risks.|You are careful with change.|You question the majority."),
    "maybe": _split("You look for the middle way.|You want to try things out first.|You build bridges.|You like small steps."),
}


def persona(rng: random.Random, theme: Theme, stance: str) -> tuple[str, str]:
    """Return what a persona is told, and the stance that goes with it."""
    parts = []
    if rng.random() < 0.6:
        parts.append(rng.choice(_CARES).format(c=rng.choice(theme.care)))
    if rng.random() < 0.2:
        asked = rng.sample(theme.asks, min(len(theme.asks), rng.choice((1, 2))))
        parts.append(f"You ask {' and '.join(asked).format(p=rng.choice(PEOPLE))}.")
    if rng.random() < 0.3:
        parts.append(rng.choice(_STANCES[stance]))
    if rng.random() < 0.2:
        parts.append(rng.choice(_MANNERS).format(p=rng.choice(PEOPLE)))
    rng.shuffle(parts)
    return " ".join(parts[:2]), stance
