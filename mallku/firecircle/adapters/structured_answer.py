"""An answer that must be JSON: checked, and asked for again once or twice before it is let through as it is."""

import json
from dataclasses import replace
from typing import Final

from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response
from mallku.wire.dialect import Dialect
from mallku.wire.json_answers import last_object, misfit

_MOST_REPAIRS: Final = 2
_DEFAULT_CAP: Final = 512


class StructuredAnswer:
    """Judges one structured answer. What cannot be repaired is passed on unchanged; a reader of ballots calls it spoiled."""

    def __init__(self, prompt: Prompt, settings: GenerationSettings) -> None:
        """Judge answers to `prompt` by the schema in `settings`."""
        self._prompt = prompt
        self._settings = settings
        self._repairs = 0
        self.settled = False
        """Whether the answer was let through."""
        self.ignored_rung = False
        """Whether the server ignored the form it was asked for: it took `response_format` and wrote free text."""

    @property
    def next_request(self) -> tuple[Prompt, GenerationSettings]:
        """The prompt and settings to ask again with."""
        return self._prompt, self._settings

    def judge(self, response: Response, dialect: Dialect) -> list[Delta | Response]:
        """Return what is said in the end, or nothing if the question is to be asked again."""
        schema = self._settings.schema
        assert schema is not None
        value = last_object(response.text)
        problem = misfit(value, schema) if value is not None else "there was no JSON object in it"
        if problem and self._repairs < _MOST_REPAIRS:
            self._repairs += 1
            self._prepare_repair(problem, response, dialect, found=value is not None)
            return []
        self.settled = True
        text = response.text if value is None else json.dumps(value, ensure_ascii=False)
        notes = (*response.notes, f"JSON repaired in {self._repairs} turns") if self._repairs else response.notes
        return [Delta(text=text), replace(response, text=text, notes=notes)]

    def _prepare_repair(self, problem: str, response: Response, dialect: Dialect, *, found: bool) -> None:
        if response.finish_reason == "length":
            self._settings = replace(self._settings, max_tokens=2 * (self._settings.max_tokens or _DEFAULT_CAP))
            return
        self.ignored_rung = not found and dialect.rung != "prompt"
        if not self.ignored_rung:
            asked = f"\nYour last answer could not be read: {problem}. Answer again with one JSON object and nothing else."
            self._prompt = replace(self._prompt, user=self._prompt.user.removesuffix(asked) + asked)
