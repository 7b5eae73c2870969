"""The binding: llama.cpp through llama-cpp-python's low-level interface. The only door to llama_cpp."""

import ctypes
import logging
import math
import os
import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from mallku.engine import model_file
from mallku.engine.decoder import SamplerHandle, Tell, Vocabulary
from mallku.engine.kernel import kernel
from mallku.engine.memory import MemoryNeed, Shape
from mallku.engine.planner import Copy, Drop, Run
from mallku.engine.processors import smallest_batch, threads_for
from mallku.engine.request import EngineFacts, Sampling
from mallku.engine.sampling import Sampler
from mallku.engine.settings import EngineSettings
from mallku.engine.thread_count import ThreadCount
from mallku.engine.window_guard import WindowGuard
from mallku.errors import EngineCrashed, EngineUnavailable, ModelFileInvalid

_INSTALL_HINT: Final = "Install the in-process engine with `pip install 'mallku[llama]'`."
_SPIN_COUNT: Final = "10000"
_KV_TYPES: Final = {"f16": 1, "q8_0": 8}
"""Numbers of ggml's types, from ggml.h."""
_HARMONY_MARK: Final = "<|channel|>"
_MARKS: Final = frozenset(
    {
        "<think>", "</think>", "[think]", "[/think]", "<tool_call>", "</tool_call>", "[tool_calls]", "[args]", "<|python_tag|>",
    }
)  # fmt: skip
"""Control tokens of some models that say what the text after them is, in lower case."""
_MARKUP_ENDS: Final = (("<", ">"), ("[", "]"))


def load_library() -> Any:
    """Import llama_cpp so that its threads fall asleep soon when they have nothing to do; raises `EngineUnavailable`."""
    # libgomp reads this once, when it is loaded: threads that spin for long starve every other process, and each other.
    is_ours = "GOMP_SPINCOUNT" not in os.environ and "OMP_WAIT_POLICY" not in os.environ
    if is_ours:
        os.environ["GOMP_SPINCOUNT"] = _SPIN_COUNT
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(f"llama-cpp-python cannot be imported: {error}.", hint=_INSTALL_HINT) from error
    finally:
        if is_ours:
            del os.environ["GOMP_SPINCOUNT"]
    # llama_cpp prints llama.cpp's log to stderr at the level of this logger, and everything if nobody has set one. Its numbers are one off:
    # what llama.cpp means as a warning counts as an error there.
    logger = logging.getLogger("llama-cpp-python")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
    return llama_cpp


class LlamaBinding:
    """One GGUF, loaded: its weights, one context, and a batch that is filled anew for every step."""

    facts: EngineFacts
    vocabulary: Vocabulary

    def __init__(self, settings: EngineSettings, tell: Tell) -> None:
        self._lib = load_library()
        self._lib.llama_backend_init()
        self._tokenizing = Lock()
        self._samplers: dict[SamplerHandle, Sampler] = {}
        self._next_sampler = 0
        self._pieces: dict[int, bytes] = {}
        self._model: Any = None
        self._context: Any = None
        try:
            self._load(settings, tell)
        except BaseException:
            self.close()
            raise

    def _load(self, settings: EngineSettings, tell: Tell) -> None:
        lib = self._lib
        shape, need = model_file.examine(lib, settings)
        is_on_gpu = bool(settings.gpu_layers and lib.llama_supports_gpu_offload())
        has_kernel = settings.own_kernel and not is_on_gpu and self._join_kernel()
        self._model = model_file.load(lib, settings, shape.file_type, tell)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._context = self._new_context(settings, need, shape)
        self._memory = lib.llama_get_memory(self._context)
        self.vocabulary = self._read_vocabulary()
        # Control tokens that tell speech from private reasoning and from calls have to be seen by whoever reads the text.
        control = self.vocabulary.control
        self._shown = frozenset(token for text, token in control.items() if _HARMONY_MARK in control or text.lower() in _MARKS)
        window = lib.llama_model_n_swa(self._model)
        self._guard = WindowGuard(window, need.sequences) if window and need.shares_prefixes else None
        self._batch = _Batch(lib, need.batch_tokens)
        self._threads = None if settings.threads or is_on_gpu else ThreadCount(lib.llama_n_threads(self._context))
        self.facts = EngineFacts(
            model=model_file.metadata(lib, self._model, "general.name") or settings.model_path.stem,
            architecture=shape.architecture,
            description=model_file.description(lib, self._model),
            parameters=lib.llama_model_n_params(self._model),
            context_length=need.context_length,
            trained_length=shape.trained_length,
            cells=lib.llama_n_ctx(self._context),
            sequences=need.sequences,
            parallel=need.parallel,
            batch_tokens=need.batch_tokens,
            smallest_batch=settings.smallest_batch or self._smallest_batch(shape, batches_well=is_on_gpu or has_kernel),
            own_kernel=has_kernel,
            prefill_chunk=settings.prefill_chunk,
            shares_prefixes=need.shares_prefixes,
            is_embedding_model=shape.embeds,
            gpu_layers=settings.gpu_layers if lib.llama_supports_gpu_offload() else 0,
            threads=lib.llama_n_threads(self._context),
            memory_bytes=need.total_bytes,
            fingerprint=model_file.fingerprint(settings.model_path),
            warnings=model_file.warnings(lib, settings, shape),
        )

    def _new_context(self, settings: EngineSettings, need: MemoryNeed, shape: Shape) -> Any:
        lib = self._lib
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = need.cells
        parameters.n_batch = need.batch_tokens
        parameters.n_ubatch = need.batch_tokens
        parameters.n_seq_max = need.sequences
        parameters.n_threads = parameters.n_threads_batch = settings.threads or threads_for(need.weights_bytes)
        parameters.type_k = parameters.type_v = _KV_TYPES[settings.kv_type]
        parameters.kv_unified = True
        parameters.swa_full = True
        parameters.no_perf = True
        if shape.embeds:
            parameters.embeddings = True
            if not shape.pools:
                parameters.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
        else:
            parameters.n_outputs_max = need.sequences
        if settings.flash_attention is not None:
            parameters.flash_attn_type = int(settings.flash_attention)
        with model_file.captured_log(lib) as lines:
            context = lib.llama_init_from_model(self._model, parameters)
        if not context:
            raise ModelFileInvalid(
                f"llama.cpp made no context of {need.cells} tokens for {settings.model_path.name!r}: {' '.join(lines)}",
                hint="There may be too little memory: set a smaller context_length, or kv_type 'f16' if the heads do not fit 'q8_0'.",
            )
        return context

    def _join_kernel(self) -> bool:
        with model_file.captured_log(self._lib):
            return kernel.join(self._lib.llama_cpp._lib)  # noqa: SLF001 (the library itself, which reaches all of ggml)

    def _smallest_batch(self, shape: Shape, *, batches_well: bool) -> int:
        info = self._lib.llama_print_system_info().decode()
        return 2 if batches_well else smallest_batch(info, shape.file_type, self._lib.llama_n_threads(self._context))

    def _read_vocabulary(self) -> Vocabulary:
        lib, vocab = self._lib, self._vocab
        size = lib.llama_vocab_n_tokens(vocab)
        control: dict[str, int] = {}
        markup: set[str] = set()
        for token in range(size):
            attributes = lib.llama_vocab_get_attr(vocab, token)
            if attributes & (lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_USER_DEFINED):
                text = lib.llama_vocab_get_text(vocab, token).decode("utf-8", errors="replace")
                if attributes & lib.LLAMA_TOKEN_ATTR_CONTROL and text:
                    control[text] = token
                elif any(text.startswith(first) and text.endswith(last) for first, last in _MARKUP_ENDS):
                    markup.add(text)
        begin = lib.llama_vocab_bos(vocab)
        return Vocabulary(
            size=size,
            begin=begin if lib.llama_vocab_get_add_bos(vocab) and begin >= 0 else None,
            begin_text=self._token_text(begin),
            end_text=self._token_text(lib.llama_vocab_eos(vocab)),
            control=control,
            markup=frozenset(markup),
            chat_template=(lib.llama_model_chat_template(self._model, None) or b"").decode("utf-8", errors="replace"),
        )

    def _token_text(self, token: int) -> str:
        return self._lib.llama_vocab_get_text(self._vocab, token).decode("utf-8", errors="replace") if token >= 0 else ""

    def tokenize(self, text: str, *, special: bool, framed: bool = False) -> list[int]:
        """Turn text into token ids."""
        raw = text.encode("utf-8", errors="replace")
        with self._tokenizing:
            if self._model is None:
                raise EngineCrashed("The engine is closed.", hint="Load it again.")
            room = len(raw) + 16
            tokens = (ctypes.c_int32 * room)()
            count = self._lib.llama_tokenize(self._vocab, raw, len(raw), tokens, room, framed, special)
        assert count >= 0
        return tokens[:count]

    def piece(self, token: int) -> bytes:
        """Return a token's bytes."""
        known = self._pieces.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(512)
            length = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, token in self._shown)
            known = self._pieces[token] = buffer.raw[: max(0, length)]
        return known

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    def change_memory(self, operation: Copy | Drop) -> None:
        """Copy or drop memory of a sequence."""
        for single in (operation,) if self._guard is None else self._guard.with_twins(operation):
            self._change_memory(single)

    def _change_memory(self, operation: Copy | Drop) -> None:
        match operation:
            case Copy(source, target, start, end):
                self._lib.llama_memory_seq_cp(self._memory, source, target, start, end)
            case Drop(sequence, start):
                self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def decode(self, runs: Sequence[Run]) -> list[int]:
        """Compute the tokens of one step."""
        rows = self._batch.fill(runs)
        passed, ran = time.perf_counter(), time.thread_time()
        status = self._lib.llama_decode(self._context, self._batch.native)
        if self._threads is not None:
            self._adapt(self._threads, time.thread_time() - ran, time.perf_counter() - passed)
        if status != 0:
            raise EngineCrashed(f"llama.cpp could not compute a step (llama_decode returned {status}).", hint="Ask again.")
        for copy in () if self._guard is None else self._guard.after(runs):
            self._change_memory(copy)
        return rows

    def _adapt(self, threads: ThreadCount, ran_s: float, passed_s: float) -> None:
        """Give the next step fewer threads where other programs hold the processors, and more where they do not."""
        before = threads.count
        threads.observe(ran_s, passed_s)
        if threads.count != before:
            self._lib.llama_set_n_threads(self._context, threads.count, threads.count)

    def new_sampler(self, sampling: Sampling, grammar: str | None) -> SamplerHandle:
        """Make a sampler."""
        sampler = Sampler(self._lib, self._vocab, self.vocabulary.size, sampling, grammar)
        self._next_sampler += 1
        self._samplers[self._next_sampler] = sampler
        return self._next_sampler

    def sample(self, sampler: SamplerHandle, row: int) -> int:
        """Choose the next token."""
        return self._samplers[sampler].sample(self._context, row)

    def free_sampler(self, sampler: SamplerHandle) -> None:
        """Free a sampler."""
        self._samplers.pop(sampler).close()

    def logprobs(self, row: int, token: int, count: int) -> list[tuple[int, float]]:
        """Return log probabilities in a row."""
        import numpy as np

        logits = np.ctypeslib.as_array(self._lib.llama_get_logits_ith(self._context, row), (self.vocabulary.size,))
        top = float(logits.max())
        norm = top + math.log(float(np.exp(logits - top).sum()))
        best = np.argsort(-logits, kind="stable")[:count]
        return [(int(index), float(logits[index]) - norm) for index in (token, *best)]

    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Turn texts into vectors, all in one batch."""
        lib = self._lib
        if self._memory:
            lib.llama_memory_clear(self._memory, True)
        self._batch.fill([Run(0, index, 0, text, is_prompt=True, samples=True) for index, text in enumerate(texts)], all_rows=True)
        has_encoder_only = lib.llama_model_has_encoder(self._model) and not lib.llama_model_has_decoder(self._model)
        compute = lib.llama_encode if has_encoder_only else lib.llama_decode
        if compute(self._context, self._batch.native) != 0:
            raise EngineCrashed("llama.cpp could not compute the embeddings.", hint="Ask again with shorter texts.")
        width = lib.llama_model_n_embd(self._model)
        return [lib.llama_get_embeddings_seq(self._context, index)[:width] for index in range(len(texts))]

    def close(self) -> None:
        """Free samplers, context and weights."""
        for sampler in self._samplers.values():
            sampler.close()
        self._samplers.clear()
        with self._tokenizing:
            if self._context:
                self._lib.llama_free(self._context)
            if self._model:
                self._lib.llama_model_free(self._model)
            self._context = self._model = None


class _Batch:
    """A `llama_batch` over arrays of our own, in which every token belongs to one sequence."""

    def __init__(self, lib: Any, size: int) -> None:
        self._tokens = (ctypes.c_int32 * size)()
        self._positions = (ctypes.c_int32 * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        self._sequences = (ctypes.c_int32 * size)()
        self._outputs = (ctypes.c_int8 * size)()
        pointer = ctypes.POINTER(ctypes.c_int32)
        start = ctypes.addressof(self._sequences)
        self._sequence_pointers = (pointer * size)(*(ctypes.cast(start + 4 * index, pointer) for index in range(size)))
        self.native = lib.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._counts,
            seq_id=self._sequence_pointers,
            logits=self._outputs,
        )

    def fill(self, runs: Sequence[Run], *, all_rows: bool = False) -> list[int]:
        """Put the runs into the batch one after the other; return the row to sample from for each, or -1."""
        rows = []
        at = 0
        for run in runs:
            count = len(run.tokens)
            end = at + count
            self._tokens[at:end] = list(run.tokens)
            self._positions[at:end] = list(range(run.start, run.start + count))
            self._sequences[at:end] = [run.sequence] * count
            self._outputs[at:end] = [int(all_rows)] * count
            if run.samples:
                self._outputs[end - 1] = 1
            rows.append(end - 1 if run.samples else -1)
            at = end
        self.native.n_tokens = at
        return rows
