"""Learning to speak a server's dialect: one refusal teaches one thing."""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from mallku.wire.dialect import Dialect
from mallku.wire.error_shapes import ErrorFacts


def adapted(dialect: Dialect, refusal: ErrorFacts, *, sent: AbstractSet[str]) -> tuple[Dialect, str] | None:
    """Return the dialect to try after `refusal`, and what was learnt in words; None if nothing is left to try.

    Args:
        dialect: The dialect that was refused.
        refusal: What the server said.
        sent: Names of the optional fields the refused request carried.
    """
    match refusal.kind:
        case "structured output" if "response_format" in sent:
            lower = dialect.lower_rung()
            return (lower, f"JSON is asked for by {lower.rung!r}") if lower else None
        case "roles" if not dialect.folds_system:
            return replace(dialect, folds_system=True), "its chat template takes no system message"
        case "streaming refused" if dialect.streams:
            return replace(dialect, streams=False, stream_usage=False), "it does not stream"
        case "parameter" | "invalid request" | "roles" if sent:
            named = [name for name in refusal.parameters if name in sent]
            if "response_format" in sent and not named:
                # without a named field the newest and least common one is suspected first
                lower = dialect.lower_rung()
                if lower:
                    return lower, f"JSON is asked for by {lower.rung!r}"
            dropped = named or sorted(sent)
            return dialect.without(*dropped), f"it does not take {', '.join(dropped)}"
        case "server" if refusal.status is not None and "response_format" in sent:
            # llama-cpp-python's server answers 500 to a json_schema
            lower = dialect.lower_rung()
            return (lower, f"JSON is asked for by {lower.rung!r}") if lower else None
        case _:
            return None
