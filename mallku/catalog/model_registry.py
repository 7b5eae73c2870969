"""Many models by name."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.model_file import model_facts
from mallku.catalog.model_folders import find_model_files
from mallku.errors import ConfigurationError, ModelFileMissing


class ModelRegistry:
    """Models by the names they go by; a name is unique."""

    def __init__(self, models: Iterable[ModelFacts] = ()) -> None:
        """Begin with `models`; of two with one name the later is called after its folder too."""
        self._models: dict[str, ModelFacts] = {}
        for facts in models:
            name = facts.id if facts.id not in self._models else f"{facts.path.parent.name}/{facts.id}"
            self._models.setdefault(name, facts)

    @classmethod
    def of_this_machine(cls) -> "ModelRegistry":
        """Return the models that lie in the known folders. Blocks; from asyncio call it in a thread."""
        return cls(find_model_files().models)

    def add(self, path: Path | str, *, name: str = "") -> ModelFacts:
        """Read the header of the model at `path` and enter it.

        Raises:
            ModelFileError: It cannot be used.
            ConfigurationError: The name is taken by another file.
        """
        facts = model_facts(path, name=name)
        there = self._models.get(facts.id)
        if there is not None and there.path != facts.path:
            raise ConfigurationError(f"There is already a model {facts.id!r}, at {str(there.path)!r}.", hint="Give it another `name`.")
        self._models[facts.id] = facts
        return facts

    def get(self, name: str) -> ModelFacts:
        """Return the model called `name`; upper and lower case are the same if that is unambiguous.

        Raises:
            ModelFileMissing: There is none.
        """
        if name in self._models:
            return self._models[name]
        alike = [facts for known, facts in self._models.items() if known.lower() == name.lower()]
        if len(alike) == 1:
            return alike[0]
        close = difflib.get_close_matches(name, self._models, n=1, cutoff=0.5)
        raise ModelFileMissing(
            f"There is no model {name!r} on this machine.",
            hint=f"Did you mean {close[0]!r}?" if close else "`mallku models` lists what is here.",
        )

    def __iter__(self) -> Iterator[ModelFacts]:
        """Go through the models by name."""
        return iter(sorted(self._models.values(), key=lambda facts: facts.id.lower()))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        """Say whether a model goes by exactly this name."""
        return name in self._models
