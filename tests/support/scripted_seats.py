"""Seats that say and vote what they are told."""

import json

from mallku.dialogue.participant import ParticipantFacts
from mallku.errors import EndpointUnreachable
from mallku.testing import ScriptedParticipant

FACTS = {"model": "small.gguf", "spec": "gguf:small.gguf", "weights": "w1"}


def seated(words, votes, *, reason="It is fair.", **facts):
    """Return a participant that says these words, one text a turn, and casts these ballots, one a ballot."""
    spoken, cast = iter(words), iter(votes)

    def script(_prompt, settings):
        if settings.schema is None:
            reply = next(spoken, "Nothing more.")
            return reply() if callable(reply) else reply
        vote = next(cast)
        return json.dumps({"reason": reason, "choice": vote}) if vote else "I would rather not say."

    return ScriptedParticipant(script, facts=ParticipantFacts(**{**FACTS, **facts}))


def out_of_reach():
    return EndpointUnreachable("Nothing answered at 'http://127.0.0.1:9'.", hint="Start the server.")
