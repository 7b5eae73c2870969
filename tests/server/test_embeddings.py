"""Embeddings over OpenAI's protocol."""

import base64
import struct

from support.scripted_backend import ScriptedBackend


def test_vectors_come_as_numbers_and_packed(serve, openai_client, http):
    address = serve(ScriptedBackend("vectors"))

    packed = openai_client(address).embeddings.create(model="vectors", input=["the water", "the garden"])
    raw = http.post(f"{address}/v1/embeddings", json={"model": "vectors", "input": "the water", "encoding_format": "base64"}).json()

    assert [entry.embedding for entry in packed.data] == [[1.0, 0.5, -0.25]] * 2
    assert [entry.index for entry in packed.data] == [0, 1]
    assert packed.usage.prompt_tokens == 2
    assert struct.unpack("<3f", base64.b64decode(raw["data"][0]["embedding"])) == (1.0, 0.5, -0.25)


def test_a_model_that_speaks_says_that_it_does_not_embed(lasting_server, http):
    answer = http.post(f"{lasting_server}/v1/embeddings", json={"model": "scripted", "input": "the water"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unsupported_endpoint"
