"""Plain chats without a circle: what a probe or a curious person may type."""

import random
from typing import Final

from mallku.tiny.recipe.deliberations import Branch, Tree
from mallku.tiny.recipe.phrasing import CHARTERS
from mallku.tiny.recipe.questions import ask
from mallku.tiny.recipe.speech import Seat, Speech
from mallku.tiny.recipe.themes import THEMES
from mallku.tiny.recipe.words import Vocabulary

_FIXED: Final = tuple(
    tuple(text.split(" => "))
    for text in (
        ("Say OK.|Say OK|Reply with OK.|Answer with OK.|Say ok.|Respond with the word OK.|Say only OK.|ping|ok?|test|Test. => OK."),
        (
            "Hello|Hello!|Hi|Hi there|Good morning|Hey|Good day.|hello => Hello. What shall we talk about?|"
            "Hello. Put a question, and I will give you a short view.|Hello. I am a rehearsal voice; ask me something."
        ),
        (
            "Who are you?|What are you?|What model are you?|Are you an AI?|Tell me about yourself.|What is your name?|"
            "Introduce yourself. => "
            "I am a rehearsal voice, a very small model. I can hold a practice talk, but I know nothing of the world.|"
            "I am the small rehearsal model of mallku. My words are practice, not advice."
        ),
        ("Thank you.|Thanks!|Thanks|Good.|Great. => You are welcome.|With pleasure."),
        (
            "What can you do?|Help|How can you help me?|What do you know? => "
            "I can practise a deliberation with you: views, answers and votes. For real questions, seat a real model."
        ),
        (
            "What is the capital of {n}?|What is {k} plus {k}?|Who wrote {n}?|Translate {n} into French.|"
            "Write a poem about {n}.|What is {n}?|Explain {n}.|How does {n} work?|Write code for {n}.|When was {n} built? => "
            "I am too small to know that. Ask a real model about {n}.|I cannot answer that; I am only a rehearsal voice.|"
            "I do not know enough about that to answer."
        ),
    )
)


def plain_chat(seed: int, vocabulary: Vocabulary) -> Tree:
    """Return a plain question and its short answer."""
    rng = random.Random(seed)
    system = rng.choice(("", "", "You are a helpful assistant.", rng.choice(CHARTERS)))
    if rng.random() < 0.45:
        asks, answers = rng.choice(_FIXED)
        slots = {"n": vocabulary.thing(rng), "k": rng.randint(2, 99)}
        user, reply = (rng.choice(text.split("|")).format(**slots) for text in (asks, answers))
    else:
        asked = ask(rng, vocabulary)
        seat = Seat(name="", role="", persona="", themes=rng.sample(THEMES, 3), stance=rng.choice(("yes", "no", "maybe")))
        user, reply = asked.text, Speech(rng, vocabulary, asked).opening(seat)
    return Tree(system=system, segments=(), branches=(Branch(after=0, turn=user, reply=reply),))
