"""The local model servers people run: where each listens, how it behaves, how its context window is raised."""

from dataclasses import dataclass
from typing import Final

from mallku.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPreset:
    """What is known about one kind of server before it is asked."""

    name: str
    """Short name, usable as a seat's specification."""
    title: str
    """The name its makers use."""
    port: int
    """Port it listens on unless told otherwise."""
    path: str = "/v1"
    """Path of its OpenAI-compatible interface."""
    parallel: int = 1
    """Requests it serves at once by default; what it reports itself goes before."""
    loads_on_demand: bool = False
    """Whether a model is loaded by the first request that names it; simultaneous first requests may load it several times."""
    needs_model: bool = True
    """Whether it looks at the `model` field at all."""
    fetches_models: bool = False
    """Whether it may download a model it does not have; names are then never guessed."""
    truncates: bool = False
    """Whether it drops the beginning of a prompt that is too long, without saying so."""
    window_hint: str = "Start the server with a larger context window."
    """How its context window is raised."""
    start_hint: str = "Start the server."
    """How it is started."""

    @property
    def base_url(self) -> str:
        """Where it answers on this machine."""
        return f"http://127.0.0.1:{self.port}{self.path}"


PRESETS: Final[tuple[ServerPreset, ...]] = (
    ServerPreset(
        name="lm-studio",
        title="LM Studio",
        port=1234,
        parallel=1,
        loads_on_demand=True,
        window_hint="Raise the context length in LM Studio's model settings and load the model again.",
        start_hint="Start the server in LM Studio's Developer tab, or with `lms server start`.",
    ),
    ServerPreset(
        name="ollama",
        title="Ollama",
        truncates=True,
        port=11434,
        parallel=1,
        loads_on_demand=True,
        window_hint="Set `OLLAMA_CONTEXT_LENGTH` for the Ollama server and start it again.",
        start_hint="Start it with `ollama serve`, and get a model with `ollama pull`.",
    ),
    ServerPreset(
        name="llama-server",
        title="llama.cpp server",
        port=9931,
        parallel=4,
        needs_model=False,
        window_hint="Start llama-server with a larger `-c`.",
        start_hint="Start it with `llama-server -m MODEL.gguf`; older versions listen on 8080.",
    ),
    ServerPreset(
        name="vllm",
        title="vLLM",
        port=8000,
        parallel=16,
        window_hint="Start vLLM with a larger `--max-model-len`.",
        start_hint="Start it with `vllm serve MODEL`.",
    ),
    ServerPreset(
        name="sglang",
        title="SGLang",
        port=30000,
        parallel=16,
        window_hint="Start SGLang with a larger `--context-length`.",
    ),
    ServerPreset(
        name="docker-model-runner",
        title="Docker Model Runner",
        port=12434,
        path="/engines/v1",
        parallel=4,
        loads_on_demand=True,
        window_hint="Run `docker model configure --context-size N MODEL`.",
        start_hint="Switch on host-side TCP support for Docker Model Runner.",
    ),
    ServerPreset(
        name="text-generation-webui",
        title="text-generation-webui",
        truncates=True,
        port=5000,
        needs_model=False,
        window_hint="Load the model with a larger context and raise `truncation_length`.",
        start_hint="Start it with `--api`.",
    ),
    ServerPreset(
        name="localai",
        title="LocalAI",
        port=8080,
        loads_on_demand=True,
        window_hint="Raise `context_size` in the model's YAML file.",
    ),
    ServerPreset(
        name="fastchat",
        title="FastChat",
        port=8000,
        start_hint="Start `fastchat.serve.openai_api_server`, with a controller and a worker.",
    ),
    ServerPreset(
        name="llama-cpp-python",
        title="llama-cpp-python server",
        port=8000,
        needs_model=False,
        window_hint="Start it with a larger `--n_ctx`; its default is 2048.",
        start_hint="Start it with `python -m llama_cpp.server --model MODEL.gguf`.",
    ),
    ServerPreset(
        name="mlx-lm",
        title="MLX-LM",
        port=8080,
        loads_on_demand=True,
        fetches_models=True,
        start_hint="Start it with `mlx_lm.server --model MODEL`.",
    ),
    ServerPreset(
        name="transformers",
        title="transformers serve",
        port=8000,
        loads_on_demand=True,
        fetches_models=True,
        start_hint="Start it with `transformers serve`.",
    ),
    ServerPreset(name="tgi", title="Text Generation Inference", port=3000, parallel=4, window_hint="Raise `--max-total-tokens`."),
    ServerPreset(
        name="koboldcpp",
        title="KoboldCpp",
        truncates=True,
        port=5001,
        needs_model=False,
        window_hint="Start it with a larger `--contextsize`.",
    ),
    ServerPreset(
        name="lemonade", title="Lemonade", port=13305, loads_on_demand=True, window_hint="Raise `ctx-size` in Lemonade's settings."
    ),
    ServerPreset(
        name="xinference",
        title="Xinference",
        port=9997,
        window_hint="Launch the model again with a larger `n_ctx`.",
        start_hint="Start it with `xinference-local`, and launch a model; with accounts switched on it wants a key.",
    ),
    ServerPreset(name="jan", title="Jan", port=1337, loads_on_demand=True, start_hint="Switch on the local API server and set a key."),
    ServerPreset(name="gpt4all", title="GPT4All", port=4891, loads_on_demand=True, start_hint="Switch on the local API server."),
)
"""Every server that is known by name."""

OTHER_PORTS: Final[tuple[int, ...]] = (8080,)
"""Ports on which known servers also answer: llama-server's former default."""


def preset(name: str) -> ServerPreset | None:
    """Return the preset of this name, or None."""
    return next((entry for entry in PRESETS if entry.name == name), None)


def preset_or_error(name: str) -> ServerPreset:
    """Return the preset of this name, or raise `ConfigurationError` that lists the known ones."""
    if found := preset(name):
        return found
    raise ConfigurationError(f"There is no server preset {name!r}.", hint=f"Known are {', '.join(entry.name for entry in PRESETS)}.")
