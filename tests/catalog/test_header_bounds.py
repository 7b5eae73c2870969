"""Each claim that no header may make is refused by its own bound, with words that name it; what is merely odd is read."""

import json
import struct

import pytest
from model_headers import ARRAY, STRING, gguf_bytes, tensor

from mallku.catalog.gguf_header import read_gguf_header
from mallku.catalog.safetensors_header import read_safetensors_header
from mallku.errors import ModelFileInvalid

MEGA = 1024 * 1024
BYTES = 0

GGUF = {
    "a long key": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 65_536), MEGA, "a text of 65536 bytes"),
    "texts without end": (gguf_bytes({"a": struct.pack("<IIQ", ARRAY, STRING, 4_000_001)}, []), 64 * MEGA, "an array of 4000001 texts"),
    "more texts than bytes": (gguf_bytes({"a": struct.pack("<IIQ", ARRAY, STRING, 1000)}, []), 500, "an array of 1000 texts"),
    "tensors": (gguf_bytes({}, [], tensor_count=262_145), MEGA, "262145 tensors"),
    "entries": (gguf_bytes({}, [], entries=65_537), MEGA, "65537 entries"),
    "dimensions": (gguf_bytes({}, [tensor("t", (1,) * 9)]), MEGA, "number of dimensions is 9"),
    "weights": (gguf_bytes({}, [tensor("t", (2**32, 2**32), 77)]), MEGA, "product cannot be"),
    "a tensor's name": (gguf_bytes({}, [tensor("t" * 65_536, (1,))]), MEGA, "tensor's name is 65536"),
    "the header": (gguf_bytes({"a": struct.pack("<IIQ", ARRAY, BYTES, 300 * MEGA)}, []), 400 * MEGA, "header is larger than"),
}


def sparse(path, head, size):
    with path.open("wb") as file:
        file.write(head)
        file.truncate(max(size, len(head)))
    return path


@pytest.mark.parametrize("name", GGUF)
def test_what_no_gguf_may_claim_is_refused_by_name(tmp_path, name):
    head, size, words = GGUF[name]

    with pytest.raises(ModelFileInvalid, match=words):
        read_gguf_header(sparse(tmp_path / "m.gguf", head, size))


@pytest.mark.parametrize("alignment", [0, "32", 2**32 - 1])
def test_an_alignment_that_is_none_harms_nobody(tmp_path, alignment):
    path = sparse(tmp_path / "m.gguf", gguf_bytes({"general.alignment": alignment}, []), MEGA)

    assert read_gguf_header(path).tensor_count == 0


def test_of_a_long_text_only_the_beginning_is_kept(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_bytes({"note": "x" * MEGA, "after": "read"}, []))
    metadata = read_gguf_header(path).metadata

    assert (len(metadata["note"]), metadata["after"]) == (65_536, "read")


def described(kind="U8", shape=(4,), start=0, end=4):
    return json.dumps({"dtype": kind, "shape": shape, "data_offsets": [start, end]})


SAFETENSORS = {
    "more header than file": (struct.pack("<Q", 1000) + b"{}", "a header of 1000 bytes"),
    "a header beyond all": (struct.pack("<Q", 17 * MEGA) + b" " * 17 * MEGA, f"a header of {17 * MEGA} bytes"),
    "pairs without commas": ('{"a":' * 400_000, "lists more than"),
    "a name twice": (f'{{"a": {described()}, "a": {described()}}}', "not JSON"),
    "fewer than none": (f'{{"a": {described(shape=(-2, -2))}}}', "has the shape"),
    "truth for a number": (f'{{"a": {described(shape=(True, 4))}}}', "has the shape"),
    "weights beyond counting": (f'{{"a": {described("STRANGE", (2**40, 2**40))}}}', "has the shape"),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_what_no_safetensors_may_claim_is_refused_by_name(tmp_path, name):
    whole, words = SAFETENSORS[name]
    path = tmp_path / "m.safetensors"
    path.write_bytes(whole if isinstance(whole, bytes) else struct.pack("<Q", len(whole)) + whole.encode() + bytes(8))

    with pytest.raises(ModelFileInvalid, match=words):
        read_safetensors_header(path)


def test_of_long_free_texts_only_the_beginning_is_kept(tmp_path):
    raw = json.dumps({"__metadata__": {"note": "x" * 5000}}).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)

    assert len(read_safetensors_header(path).metadata["note"]) == 1000
