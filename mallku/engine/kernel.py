"""Our own kernel for a few columns of Q8_0, handed to ggml as a backend. docs/engine.md says why there is one.

For several columns it computes what llama.cpp computes for each alone, to the last bit. Where it was not compiled, or where ggml's
structures are not those it was written for, llama.cpp computes everything itself.
"""

import ctypes
from pathlib import Path
from threading import Lock
from typing import Any, Final

from mallku.engine.native.build import KERNEL

_FUNCTIONS: Final = (
    "ggml_init",
    "ggml_free",
    "ggml_new_tensor_2d",
    "ggml_mul_mat",
    "ggml_get_data",
    "ggml_op_name",
    "ggml_graph_n_nodes",
    "ggml_graph_node",
    "ggml_backend_buft_is_host",
    "ggml_backend_cpu_buffer_type",
    "ggml_backend_cpu_buffer_from_ptr",
)
"""Functions of ggml that the kernel uses, in the order of `struct functions` in ggml_plugin.h."""


class Kernel:
    """The kernel in this process: ggml keeps a backend for as long as the process lives, so it is joined once."""

    def __init__(self, path: Path = KERNEL) -> None:
        self._path = path
        self._joining = Lock()
        self._is_joined: bool | None = None

    def join(self, ggml: Any) -> bool:
        """Hand the kernel to ggml, whose functions `ggml` has; return whether it will be used."""
        with self._joining:
            if self._is_joined is None:
                self._is_joined = self._path.is_file() and self._load(ggml)
            return self._is_joined

    def _load(self, ggml: Any) -> bool:
        try:
            library = ctypes.CDLL(str(self._path))
            addresses = [ctypes.cast(getattr(ggml, name), ctypes.c_void_p) for name in _FUNCTIONS]
            load = ggml.ggml_backend_load
        except (OSError, AttributeError):
            return False  # no OpenMP here, or another ggml
        if not library.mallku_connect((ctypes.c_void_p * len(addresses))(*addresses)):
            return False
        load.restype = ctypes.c_void_p
        return bool(load(ctypes.c_char_p(str(self._path).encode())))


kernel = Kernel()
"""The one of this process."""
