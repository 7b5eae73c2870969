"""A GGUF file and its weights: what it says of itself, whether it may be loaded, and loading it.

`lib` is the module that `binding` hands over.
"""

import ctypes
import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock, local
from typing import Any, Final

from mallku.engine.decoder import Tell
from mallku.engine.memory import MemoryNeed, Shape, per_layer, plan_memory
from mallku.engine.processors import read_cpuinfo
from mallku.engine.self_check import build_name, check_in_child, fast_path_is_safe, remembered_here
from mallku.engine.settings import EngineSettings
from mallku.errors import ConfigurationError, ModelFileInvalid, ModelFileMissing

_MAGIC: Final = b"GGUF"
_GPU_BUILD: Final = "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"
_LOG_LEVEL_ERROR: Final = 4
"""GGML_LOG_LEVEL_ERROR of ggml.h."""
_ARRAY: Final = 9
_WHOLE: Final = (4, 5)
"""GGUF_TYPE_ARRAY, and GGUF_TYPE_UINT32 and GGUF_TYPE_INT32, of gguf.h."""
_RANKING: Final = "4"
"""LLAMA_POOLING_TYPE_RANK of llama.h."""
_FINGERPRINT_BYTES: Final = 1 << 20
_captured: Final = local()
"""Where the lines of a thread go, as `lines`."""
_listening: Final = Lock()


def examine(lib: Any, settings: EngineSettings) -> tuple[Shape, MemoryNeed]:
    """Read what the file says of itself and settle the memory it will take; raises a `ModelFileError`."""
    _check(settings.model_path)
    parameters = lib.llama_model_default_params()
    parameters.vocab_only = True
    parameters.n_gpu_layers = 0
    model = _load(lib, settings.model_path, parameters)
    try:
        _refuse_what_is_not_run(lib, model, settings.model_path)
        shape = _shape(lib, model, settings.model_path, embeds=settings.embeddings)
    finally:
        lib.llama_model_free(model)
    return shape, plan_memory(settings, shape)


def load(lib: Any, settings: EngineSettings, file_type: str, tell: Tell) -> Any:
    """Load the weights; raises `ModelFileInvalid`, also if `tell` says not to go on."""
    parameters = lib.llama_model_default_params()
    parameters.n_gpu_layers = settings.gpu_layers
    parameters.main_gpu = settings.main_gpu
    parameters.use_extra_bufts = _may_repack(lib, settings, file_type)
    if len(settings.tensor_split) > lib.llama_max_devices():
        raise ConfigurationError(
            f"tensor_split has {len(settings.tensor_split)} shares; this build of llama.cpp knows at most {lib.llama_max_devices()} GPUs.",
            hint="Give one share for each GPU.",
        )
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
    if settings.gpu_layers and settings.expects_gpu and not lib.llama_supports_gpu_offload():
        found.append(
            f"gpu_layers is {settings.gpu_layers}, but llama-cpp-python was built without GPU support. Build it anew: {_GPU_BUILD}"
        )
    if settings.context_length and shape.trained_length and settings.context_length > shape.trained_length:
        found.append(f"context_length {settings.context_length} is more than the {shape.trained_length} tokens the model was trained with.")
    if shape.is_encoder and shape.trained_length and (settings.context_length or 0) > shape.trained_length:
        found[-1] += " It has no more positions, so that is its window."
    return tuple(found)


def _check(path: Path) -> None:
    if not path.is_file():
        raise ModelFileMissing(f"There is no model file {str(path)!r}.", hint="`mallku models` lists the models on this machine.")
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise ModelFileInvalid(f"{path.name!r} is not a GGUF file: it begins with {magic!r}.", hint="Download or convert it again.")


def _refuse_what_is_not_run(lib: Any, model: Any, path: Path) -> None:
    """Refuse models that this engine would run wrongly, or not at all."""
    architecture = metadata(lib, model, "general.architecture")
    kind = ""
    if lib.llama_model_has_encoder(model) and lib.llama_model_has_decoder(model):
        kind = "has an encoder and a decoder"
    elif lib.llama_model_is_diffusion(model):
        kind = "writes by diffusion"
    elif metadata(lib, model, f"{architecture}.pooling_type") == _RANKING:
        kind = "ranks texts"
    if kind:
        raise ModelFileInvalid(
            f"{path.name!r} ({architecture}) {kind}.", hint="Choose a model that generates token by token, or one that embeds texts."
        )


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
    """Collect llama.cpp's last error lines of this thread."""
    with _listening:
        _listen(lib)
    lines: deque[str] = deque(maxlen=3)
    _captured.lines = lines
    try:
        yield lines
    finally:
        _captured.lines = None


@cache
def _listen(lib: Any) -> Any:
    """Hear llama.cpp's log for as long as the process lives: engines load at the same time, so no callback may ever be taken away."""
    usual = lib._logger.llama_log_callback  # noqa: SLF001 (the callback that llama_cpp set when it was imported)

    def keep(level: int, text: bytes, data: Any) -> None:
        lines = getattr(_captured, "lines", None)
        if lines is None:
            usual(level, text, data)
        elif level == _LOG_LEVEL_ERROR:
            lines.append(text.decode("utf-8", errors="replace").strip())

    callback = lib.llama_log_callback(keep)
    lib.llama_log_set(callback, None)
    return callback


class _GgufParameters(ctypes.Structure):
    """`gguf_init_params` of gguf.h."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


def _whole_numbers(lib: Any, path: Path, key: str) -> tuple[int, ...]:
    """Return an array of 32-bit numbers from a file's header, or nothing: llama.h gives out single values only."""
    ggml = lib.llama_cpp._lib  # noqa: SLF001 (the library itself, which reaches all of ggml)
    begin, find, kind, count, data = (
        ctypes.CFUNCTYPE(result, *arguments)((name, ggml))
        for name, result, arguments in (
            ("gguf_init_from_file", ctypes.c_void_p, (ctypes.c_char_p, _GgufParameters)),
            ("gguf_find_key", ctypes.c_int64, (ctypes.c_void_p, ctypes.c_char_p)),
            ("gguf_get_arr_type", ctypes.c_int, (ctypes.c_void_p, ctypes.c_int64)),
            ("gguf_get_arr_n", ctypes.c_size_t, (ctypes.c_void_p, ctypes.c_int64)),
            ("gguf_get_arr_data", ctypes.POINTER(ctypes.c_int32), (ctypes.c_void_p, ctypes.c_int64)),
        )
    )
    header = begin(str(path).encode(), _GgufParameters(no_alloc=True, ctx=None))
    if not header:
        return ()
    try:
        at = find(header, key.encode())
        is_array = (
            at >= 0 and ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)(("gguf_get_kv_type", ggml))(header, at) == _ARRAY
        )
        return tuple(data(header, at)[: count(header, at)]) if is_array and kind(header, at) in _WHOLE else ()
    finally:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("gguf_free", ggml))(header)


def _shape(lib: Any, model: Any, path: Path, *, embeds: bool) -> Shape:
    architecture = metadata(lib, model, "general.architecture")

    def figure(key: str, otherwise: int = 0) -> int:
        value = metadata(lib, model, f"{architecture}.{key}")
        return max(per_layer(value, max(1, value.count(",") + 1)), default=otherwise) if value else otherwise

    layers, width, heads = figure("block_count"), figure("embedding_length"), max(1, figure("attention.head_count"))
    kv_heads = _whole_numbers(lib, path, f"{architecture}.attention.head_count_kv")
    kv_heads = kv_heads or per_layer(metadata(lib, model, f"{architecture}.attention.head_count_kv") or str(heads), layers)
    is_recurrent = bool(lib.llama_model_is_recurrent(model))
    is_stateful = is_recurrent or bool(lib.llama_model_is_hybrid(model))
    mixed = figure("ssm.inner_size") + 2 * figure("ssm.group_count") * figure("ssm.state_size")
    state = figure("ssm.inner_size") * figure("ssm.state_size") + mixed * figure("ssm.conv_kernel") + width * figure("shortconv.l_cache")
    pooling = metadata(lib, model, f"{architecture}.pooling_type")
    has_decoder = bool(lib.llama_model_has_decoder(model))
    return Shape(
        architecture=architecture,
        weights_bytes=lib.llama_model_size(model),
        layers=layers,
        kv_heads=(0,) * layers if is_recurrent else kv_heads,
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
        state_bytes=4 * state * (kv_heads.count(0) or layers) if is_stateful else 0,
        is_encoder=not has_decoder or metadata(lib, model, f"{architecture}.attention.causal") == "false",
        embeds=embeds or not has_decoder or pooling not in {"", "0"},
        pools=pooling not in {"", "0"},
    )
