"""Real servers and a random model, once per session, for whichever room asks for them."""

import pytest
from gguf_models import STRICT, Size, write_transformer
from real_servers import llama_cpp_python_server, llama_server


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    return write_transformer(tmp_path_factory.mktemp("models") / "random.gguf")


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory):
    """A model that takes seconds for an answer, so that something can happen meanwhile."""
    size = Size(layers=6, width=384, heads=6, kv_heads=2, feed_forward=1536, trained_length=4096)
    return write_transformer(tmp_path_factory.mktemp("models") / "slow.gguf", size=size)


@pytest.fixture(scope="session")
def strict_model(tmp_path_factory):
    return write_transformer(tmp_path_factory.mktemp("models") / "strict.gguf", template=STRICT)


@pytest.fixture(scope="session")
def llama_server_url(random_model):
    with llama_server(random_model, kv_unified=True) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp_python_url(random_model):
    with llama_cpp_python_server(random_model) as url:
        yield url
