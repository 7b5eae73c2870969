"""What the tests of participants need from elsewhere."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))

from random_gguf import STRICT, write_random_gguf
from real_servers import llama_cpp_python_server, llama_server


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    return write_random_gguf(tmp_path_factory.mktemp("models") / "random.gguf")


@pytest.fixture(scope="session")
def strict_model(tmp_path_factory):
    return write_random_gguf(tmp_path_factory.mktemp("models") / "strict.gguf", template=STRICT)


@pytest.fixture(scope="session")
def llama_server_url(random_model):
    with llama_server(random_model, kv_unified=True) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp_python_url(random_model):
    with llama_cpp_python_server(random_model) as url:
        yield url
