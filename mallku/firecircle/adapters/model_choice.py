"""Which of a server's models is asked."""

import difflib

from mallku.catalog.endpoint_facts import EndpointFacts
from mallku.catalog.server_presets import preset
from mallku.errors import ConfigurationError, ModelNotFound


def chosen_model(facts: EndpointFacts, wanted: str) -> str:
    """Return the id of the model to ask for; a name is never made up.

    Raises:
        ModelNotFound: The server lists its models and `wanted` is not one of them.
        ConfigurationError: No model was named and the server has several, or has none to speak.
    """
    ids = [model.id for model in facts.speakers]
    if not wanted:
        return _only_model(facts, ids)
    known = preset(facts.server)
    if not facts.lists_models or wanted in ids or (known and not known.needs_model):
        return wanted
    loose = [
        name for name in ids if name.lower() == wanted.lower() or name.partition(":")[0] == wanted or name.rpartition("/")[2] == wanted
    ]
    if len(loose) == 1:
        return loose[0]
    if known is None or not ids:
        return wanted
    close = difflib.get_close_matches(wanted, ids, n=1, cutoff=0.5)
    raise ModelNotFound(
        f"{facts.base_url} ({known.title}) has no model {wanted!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"It has {_list(ids)}.",
    )


def _only_model(facts: EndpointFacts, ids: list[str]) -> str:
    loaded = [model.id for model in facts.speakers if model.loaded]
    if len(ids) == 1 or len(loaded) == 1:
        return ids[0] if len(ids) == 1 else loaded[0]
    known = preset(facts.server)
    if not ids:
        if not facts.lists_models or (known and not known.needs_model):
            return ""
        raise ConfigurationError(f"{facts.base_url} lists no model that can speak.", hint="Load a model there first.")
    raise ConfigurationError(
        f"{facts.base_url} has {len(ids)} models, and none was named.", hint=f"Name one of {_list(ids)}, as in `{facts.base_url}#{ids[0]}`."
    )


def _list(ids: list[str]) -> str:
    shown = ", ".join(repr(name) for name in ids[:8])
    return f"{shown} and {len(ids) - 8} more" if len(ids) > 8 else shown  # noqa: PLR2004 - as many as fit on a line or two
