"""Participants that circle files of the server's tests name as `python:support.seats_for_server:NAME`."""

from mallku.dialogue.response import Response, Usage
from mallku.testing import ScriptedParticipant, first_choice


def _script(delay_s):
    def reply(prompt, settings):
        if settings.schema is not None:
            return first_choice(settings)
        return Response(text="We share the well.", reasoning="A private thought.", usage=Usage(prompt_tokens=10, completion_tokens=4))

    return ScriptedParticipant(reply, delay_s=delay_s)


def quick():
    return _script(0.0)


def slow():
    return _script(30.0)
