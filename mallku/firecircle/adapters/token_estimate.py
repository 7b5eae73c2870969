"""How many tokens a prompt takes: estimated from bytes, corrected by what servers report, counted where they can."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mallku.catalog.endpoint_probe import root_of
from mallku.catalog.server_presets import preset
from mallku.dialogue.prompt import Prompt
from mallku.dialogue.response import Usage
from mallku.errors import ParticipantError
from mallku.firecircle.adapters.endpoint import EndpointProfile

if TYPE_CHECKING:
    from mallku.catalog.guarded_client import GuardedClient

_TEMPLATE_TOKENS: Final = 24
_CAUTION: Final = 0.9
_LEAST_MEASURED: Final = 400
_TOO_FEW: Final = 0.8
_MOST_BYTES_PER_TOKEN: Final = 12
_SMALLEST_WINDOW: Final = 1024
_COUNT_TIMEOUT_S: Final = 10.0
_OK: Final = 200


def estimated_tokens(prompt: Prompt, profile: EndpointProfile) -> int:
    """Return an upper estimate of the tokens `prompt` takes, its chat template included."""
    return int(_size(prompt) / profile.bytes_per_token) + _TEMPLATE_TOKENS


def calibrated(profile: EndpointProfile, prompt: Prompt, usage: Usage) -> EndpointProfile:
    """Return the profile with the bytes per token that this answer's usage shows, a little on the safe side."""
    size = _size(prompt)
    if not usage.prompt_tokens or usage.estimated or size < _LEAST_MEASURED:
        return profile
    shown = _CAUTION * size / max(1, usage.prompt_tokens - _TEMPLATE_TOKENS)
    return replace(profile, bytes_per_token=max(0.5, min(shown, float(_MOST_BYTES_PER_TOKEN))), calibrated=True)


def truncation_note(profile: EndpointProfile, prompt: Prompt, usage: Usage) -> str:
    """Say so if the server seems to have read less than it was sent; empty if not."""
    read = usage.prompt_tokens
    if not read or usage.estimated:
        return ""
    size = _size(prompt)
    least = _TOO_FEW * size / profile.bytes_per_token * _CAUTION if profile.calibrated else size / _MOST_BYTES_PER_TOKEN
    together = read + (usage.completion_tokens or 0)
    full = read >= _SMALLEST_WINDOW // 2 and together >= _SMALLEST_WINDOW and together.bit_count() == 1
    if read >= least and not full:
        return ""
    known = preset(profile.facts.server)
    hint = known.window_hint if known else "Start the server with a larger context window."
    return f"the server read only {read} tokens of a prompt of {size} bytes: its beginning was probably cut off. {hint}"


async def counted_by_server(prompt: Prompt, profile: EndpointProfile, *, client: "GuardedClient") -> int | None:
    """Return the server's own count, or None if this kind of server has none to give."""
    root = root_of(profile.facts.base_url)
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    text = "\n".join(message.content for message in prompt.messages)
    body: dict[str, Any]
    match profile.facts.server:
        case "llama-server":
            url, body, field = f"{profile.facts.base_url}/chat/completions/input_tokens", {"messages": messages}, "input_tokens"
        case "vllm":
            url, body, field = f"{root}/tokenize", {"model": profile.model, "messages": messages}, "count"
        case "llama-cpp-python":
            url, body, field = f"{root}/extras/tokenize/count", {"input": text}, "count"
        case _:
            return None
    try:
        answer = await client.post(url, body, timeout_s=_COUNT_TIMEOUT_S)
    except ParticipantError:
        return None
    data = answer.json() if answer.status == _OK else None
    count = data.get(field) if isinstance(data, dict) else None
    if not isinstance(count, int):
        return None
    return count + (_TEMPLATE_TOKENS if profile.facts.server == "llama-cpp-python" else 0)


def _size(prompt: Prompt) -> int:
    return len(prompt.system.encode()) + len(prompt.user.encode())
