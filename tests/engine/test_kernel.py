"""Our kernel gives, for a few columns, exactly what llama.cpp gives for each column alone; and is left out where it does not fit."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from mallku.engine.binding import LlamaBinding, load_library
from mallku.engine.kernel import Kernel
from mallku.engine.native.build import KERNEL, compile_kernel
from mallku.engine.planner import Copy, Drop, Run
from mallku.engine.settings import EngineSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.gguf_models import Size, write_transformer

F32, Q8_0 = 0, 8
SHAPES = [(64, 16), (96, 7), (256, 33), (4864, 40), (32, 1)]
"""Elements of a row, and rows."""


class Ggml:
    """ggml's functions; numbers and pointers alike are handed over in 64 bits."""

    def __init__(self):
        self.library = load_library().llama_cpp._lib

    def __call__(self, name, *arguments, returns=ctypes.c_void_p):
        function = getattr(self.library, name)
        function.restype = returns
        return function(*(ctypes.c_int64(argument) if isinstance(argument, int) else argument for argument in arguments))


@pytest.fixture(scope="module")
def ggml():
    return Ggml()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    if KERNEL.is_file():
        return KERNEL
    compiled = tmp_path_factory.mktemp("kernel") / KERNEL.name
    reason = compile_kernel(compiled)
    if reason:
        pytest.skip(reason)
    return compiled


@pytest.fixture(scope="module")
def backend(ggml, path):
    if not Kernel(path).join(ggml.library):
        pytest.skip("this processor lacks what the kernel needs")
    device = ggml("ggml_backend_dev_by_name", b"mallku")
    found = ggml("ggml_backend_dev_init", device, None)
    yield device, found
    ggml("ggml_backend_free", found, returns=None)


class Products:
    """A product of random weights with random columns, in ggml's memory."""

    def __init__(self, ggml, length, rows, columns):
        class Parameters(ctypes.Structure):
            _fields_ = (("size", ctypes.c_size_t), ("memory", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))

        self.ggml = ggml
        ggml.library.ggml_init.restype = ctypes.c_void_p
        self.context = ggml.library.ggml_init(Parameters(32 << 20, None, False))
        random = np.random.default_rng(length + rows + columns)
        self.weights = self.tensor(Q8_0, length, rows)
        blocks = self.view(self.weights, np.uint8, rows * length // 32 * 34).reshape(-1, 34)
        blocks[:] = random.integers(0, 256, blocks.shape)
        blocks[:, :2] = random.normal(size=(len(blocks), 1)).astype(np.float16).view(np.uint8)
        self.columns = random.normal(size=(columns, length)).astype(np.float32)
        self.columns[0, :32] = 0
        self.rows = rows

    def tensor(self, kind, first, second):
        return self.ggml("ggml_new_tensor_2d", self.context, kind, first, second)

    def view(self, tensor, kind, count):
        data = self.ggml("ggml_get_data", tensor)
        return np.ctypeslib.as_array((ctypes.c_uint8 * (count * np.dtype(kind).itemsize)).from_address(data)).view(kind)

    def product(self, columns):
        """Return the graph of a product with these columns, and where its result will stand."""
        length = self.columns.shape[1]
        into = self.tensor(F32, length, len(columns))
        self.view(into, np.float32, columns.size)[:] = columns.ravel()
        node = self.ggml("ggml_mul_mat", self.context, self.weights, into)
        graph = self.ggml("ggml_new_graph", self.context)
        self.ggml("ggml_build_forward_expand", graph, node, returns=None)
        return node, graph, self.view(node, np.float32, self.rows * len(columns)).reshape(len(columns), self.rows)

    def of_llama_cpp(self):
        """Compute column by column."""
        found = []
        for column in self.columns:
            _, graph, result = self.product(column[np.newaxis])
            self.ggml("ggml_graph_compute_with_ctx", self.context, graph, 1, returns=ctypes.c_int)
            found.append(result[0].copy())
        return np.array(found)

    def close(self):
        self.ggml("ggml_free", self.context, returns=None)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("columns", [2, 3, 5, 8, 9, 33])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_computes_what_llama_cpp_computes_column_by_column(ggml, backend, shape, columns, threads):
    device, ours = backend
    set_threads = ggml("ggml_backend_reg_get_proc_address", ggml("ggml_backend_dev_backend_reg", device), b"ggml_backend_set_n_threads")
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)(set_threads)(ours, threads)
    products = Products(ggml, *shape, columns)
    expected = products.of_llama_cpp()
    node, graph, result = products.product(products.columns)
    result[:] = np.nan

    assert ggml("ggml_backend_dev_supports_op", device, node, returns=ctypes.c_bool)
    assert ggml("ggml_backend_graph_compute", ours, graph, returns=ctypes.c_int) == 0
    np.testing.assert_array_equal(result, expected)
    products.close()


def test_a_single_column_is_left_to_llama_cpp(ggml, backend):
    device, _ = backend
    products = Products(ggml, 64, 16, 1)
    node, _, _ = products.product(products.columns)

    assert not ggml("ggml_backend_dev_supports_op", device, node, returns=ctypes.c_bool)
    products.close()


def test_without_a_compiled_kernel_llama_cpp_goes_on_alone(ggml, tmp_path):
    assert Kernel(tmp_path / "none.so").join(ggml.library) is False


def test_a_file_that_is_no_library_is_left_out(ggml, tmp_path):
    broken = tmp_path / "broken.so"
    broken.write_text("no library")

    assert Kernel(broken).join(ggml.library) is False


def test_a_step_through_the_kernel_gives_the_logits_of_llama_cpp(ggml, path, backend, tmp_path):
    switch = ctypes.CDLL(str(path)).mallku_set_columns
    model = write_transformer(tmp_path / "q8_0.gguf", "llama", Size(number_format="Q8_0"))
    settings = EngineSettings(model_path=model, context_length=256, parallel=4, threads=2)
    binding = LlamaBinding(settings, lambda _: True)
    found = []
    for most in (1, 1 << 20):
        switch(2, most)
        for sequence in range(5):
            binding.change_memory(Drop(sequence))
        binding.decode([Run(0, 0, 0, [7] * 20, is_prompt=True, samples=True)])
        for sequence in range(1, 5):
            binding.change_memory(Copy(0, sequence, 0, 20))
        rows = binding.decode([Run(0, sequence, 20, [30 + sequence], is_prompt=False, samples=True) for sequence in range(5)])
        size = binding.vocabulary.size
        found.append([np.ctypeslib.as_array(binding._lib.llama_get_logits_ith(binding._context, row), (size,)).copy() for row in rows])
    binding.close()

    np.testing.assert_array_equal(found[0], found[1])
    assert len({tuple(row) for row in found[1]}) == 5


class OtherGgml:
    """A ggml in which the operation that the kernel looks for has another name."""

    def __init__(self, library):
        self._library = library

    def __getattr__(self, name):
        return getattr(self._library, "ggml_status_to_string" if name == "ggml_op_name" else name)


def test_another_ggml_is_left_alone(ggml, path):
    assert Kernel(path).join(OtherGgml(ggml.library)) is False


def test_a_missing_compiler_is_named(tmp_path):
    reason = compile_kernel(tmp_path / "kernel.so", compilers=("no-such-compiler",))

    assert reason
    assert list(tmp_path.iterdir()) == []
