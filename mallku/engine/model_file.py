"""A GGUF file and its weights: what it says of itself, whether it may be loaded, and loading it.

`lib` is the module that `binding` hands over.
"""

import ctypes
import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mallku.engine.decoder import Tell
from mallku.engine.memory import MemoryNeed, Shape, per_layer, plan_memory
from mallku.engine.processors import read_cpuinfo
from mallku.engine.self_check import build_name, check_in_child, fast_path_is_safe, remembered_here
from mallku.engine.settings import EngineSettings
from mallku.errors import ModelFileInvalid, ModelFileMissing

_MAGIC: Final = b"GGUF"
_GPU_BUILD: Final = "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"
_LOG_LEVEL_ERROR: Final = 4
"""GGML_LOG_LEVEL_ERROR of ggml.h."""
_FINGERPRINT_BYTES: Final = 1 << 20


def examine(lib: Any, settings: EngineSettings) -> tuple[Shape, MemoryNeed]:
    """Read what the file says of itself and settle the memory it will take; raises a `ModelFileError`."""
    _check(settings.model_path)
    parameters = lib.llama_model_default_params()
    parameters.vocab_only = True
    parameters.n_gpu_layers = 0
    model = _load(lib, settings.model_path, parameters)
    try:
        shape = _shape(lib, model, embeds=settings.embeddings)
    finally:
        lib.llama_model_free(model)
    return shape, plan_memory(settings, shape)


def load(lib: Any, settings: EngineSettings, file_type: str, tell: Tell) -> Any:
    """Load the weights; raises `ModelFileInvalid`, also if `tell` says not to go on."""
    parameters = lib.llama_model_default_params()
    parameters.n_gpu_layers = settings.gpu_layers
    parameters.main_gpu = settings.main_gpu
    parameters.use_extra_bufts = _may_repack(lib, settings, file_type)
    if settings.tensor_split:
        shares = (ctypes.c_float * lib.llama_max_devices())(*settings.tensor_split)
        parameters.tensor_split = shares
    percent, goes_on = -1, True

    def progress(share: float, _: Any) -> bool:
        nonlocal percent, goes_on
        if int(share * 100) > percent:
            percent, goes_on = int(share * 100), tell(share)
        return goes_on

    callback = lib.llama_progress_callback(progress)
    parameters.progress_callback = callback
    return _load(lib, settings.model_path, parameters)


def _may_repack(lib: Any, settings: EngineSettings, file_type: str) -> bool:
    """Whether ggml may repack weights for this CPU, which is where its AMX code comes in."""
    cpuinfo = read_cpuinfo()
    build = build_name(Path(lib.__file__).parent / "lib", cpuinfo, file_type)
    return fast_path_is_safe(settings.fast_path, cpuinfo, build, remembered_here(), lambda: check_in_child(settings.model_path))


def metadata(lib: Any, model: Any, key: str) -> str:
    """Return a metadata value as text, or nothing if there is none."""
    buffer = ctypes.create_string_buffer(1 << 14)
    length = lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", errors="replace") if length >= 0 else ""


def description(lib: Any, model: Any) -> str:
    """Return llama.cpp's one line on a model."""
    buffer = ctypes.create_string_buffer(256)
    lib.llama_model_desc(model, buffer, len(buffer))
    return buffer.value.decode("utf-8", errors="replace")


def fingerprint(path: Path) -> str:
    """Return a digest of the file's size, beginning and end."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_FINGERPRINT_BYTES))
        file.seek(max(0, size - _FINGERPRINT_BYTES))
        digest.update(file.read())
    return digest.hexdigest()[:32]


def warnings(lib: Any, settings: EngineSettings, shape: Shape) -> tuple[str, ...]:
    """Say what the person who chose the settings should know."""
    found = []
    if settings.gpu_layers and not lib.llama_supports_gpu_offload():
        found.append(
            f"gpu_layers is {settings.gpu_layers}, but llama-cpp-python was built without GPU support. Build it anew: {_GPU_BUILD}"
        )
    if settings.context_length and shape.trained_length and settings.context_length > shape.trained_length:
        found.append(f"context_length {settings.context_length} is more than the {shape.trained_length} tokens the model was trained with.")
    return tuple(found)


def _check(path: Path) -> None:
    if not path.is_file():
        raise ModelFileMissing(f"There is no model file {str(path)!r}.", hint="`mallku models` lists the models on this machine.")
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise ModelFileInvalid(f"{path.name!r} is not a GGUF file: it begins with {magic!r}.", hint="Download or convert it again.")


def _load(lib: Any, path: Path, parameters: Any) -> Any:
    with captured_log(lib) as lines:
        model = lib.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        reason = " ".join(lines) or "llama.cpp gave no reason"
        raise ModelFileInvalid(
            f"llama.cpp cannot load {path.name!r}: {reason}", hint="The file may be truncated; download or convert it again."
        )
    return model


@contextmanager
def captured_log(lib: Any) -> Iterator[deque[str]]:
    """Collect llama.cpp's last error lines."""
    lines: deque[str] = deque(maxlen=3)

    def keep(level: int, text: bytes, _: Any) -> None:
        if level == _LOG_LEVEL_ERROR:
            lines.append(text.decode("utf-8", errors="replace").strip())

    callback = lib.llama_log_callback(keep)
    lib.llama_log_set(callback, None)
    try:
        yield lines
    finally:
        lib.llama_log_set(lib._logger.llama_log_callback, None)  # noqa: SLF001 (the callback that llama_cpp set when it was imported)


def _shape(lib: Any, model: Any, *, embeds: bool) -> Shape:
    architecture = metadata(lib, model, "general.architecture")

    def figure(key: str, otherwise: int = 0) -> int:
        value = metadata(lib, model, f"{architecture}.{key}")
        return max(per_layer(value, max(1, value.count(",") + 1)), default=otherwise) if value else otherwise

    layers, width, heads = figure("block_count"), figure("embedding_length"), max(1, figure("attention.head_count"))
    kv_heads = metadata(lib, model, f"{architecture}.attention.head_count_kv") or str(heads)
    is_stateful = bool(lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))
    state = figure("ssm.inner_size") * (figure("ssm.state_size") + figure("ssm.conv_kernel")) * 4 * layers
    pooling = metadata(lib, model, f"{architecture}.pooling_type")
    has_decoder = bool(lib.llama_model_has_decoder(model))
    return Shape(
        architecture=architecture,
        weights_bytes=lib.llama_model_size(model),
        layers=layers,
        kv_heads=per_layer(kv_heads, layers),
        key_length=figure("attention.key_length", width // heads),
        value_length=figure("attention.value_length", width // heads),
        width=width,
        feed_forward=figure("feed_forward_length"),
        heads=heads,
        file_type=metadata(lib, model, "general.file_type"),
        vocabulary=lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model)),
        trained_length=figure("context_length"),
        window=figure("attention.sliding_window"),
        is_stateful=is_stateful,
        state_bytes=state if is_stateful else 0,
        embeds=embeds or not has_decoder or pooling not in {"", "0"},
        pools=pooling not in {"", "0"},
    )
