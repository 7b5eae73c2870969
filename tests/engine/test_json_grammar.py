"""Whatever a model says under a schema's grammar is JSON of that schema."""

import json
import re

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from mallku.dialogue.ballot_form import ballot_schema
from mallku.engine.binding import LlamaBinding
from mallku.engine.json_grammar import json_grammar
from mallku.engine.planner import Drop, Run
from mallku.engine.request import Sampling
from mallku.engine.settings import EngineSettings
from mallku.errors import RequestRefused


@pytest.fixture(scope="module")
def binding(models):
    loaded = LlamaBinding(EngineSettings(model_path=models["llama"], context_length=1024, threads=1), lambda _: True)
    yield loaded
    loaded.close()


def speak(binding, schema, seed, limit=900):
    """Let the random model speak under the grammar; return its text, or None if it found no end."""
    sampler = binding.new_sampler(Sampling(temperature=1.0, top_k=0, top_p=1, min_p=0, seed=seed), json_grammar(schema))
    binding.change_memory(Drop(0))
    said, token = b"", 65
    try:
        for position in range(limit):
            (row,) = binding.decode([Run(1, 0, position, [token], is_prompt=False, samples=True)])
            token = binding.sample(sampler, row)
            if binding.is_end(token):
                # llama.cpp's grammars take bytes that are no UTF-8 for characters; only a random model writes them.
                return re.sub("\ufffd+", "\ufffd", said.decode("utf-8", "replace"))
            said += binding.piece(token)
    finally:
        binding.free_sampler(sampler)
    return None


def keeps(schema, value):
    """Whether a value keeps the part of JSON Schema that grammars hold."""
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "object":
            names = list(schema["properties"])
            given_names = list(value)
            in_order = [name for name in names if name in value] == given_names
            return in_order and set(schema["required"]) <= set(value) and all(keeps(schema["properties"][n], value[n]) for n in value)
        case "array":
            return schema["minItems"] <= len(value) <= schema["maxItems"] and all(keeps(schema["items"], one) for one in value)
        case "string":
            return isinstance(value, str) and ("\ufffd" in value or schema["minLength"] <= len(value)) and len(value) <= schema["maxLength"]
        case "integer":
            return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
        case "boolean":
            return isinstance(value, bool)
    return False


LEAVES = st.one_of(
    st.lists(st.sampled_from(["A", "B", 'a "quoted" one', "back\\slash", "ünï", 3, None]), min_size=1, max_size=3).map(
        lambda e: {"enum": e}
    ),
    st.tuples(st.integers(0, 3), st.integers(0, 5)).map(lambda n: {"type": "string", "minLength": n[0], "maxLength": n[0] + n[1]}),
    st.tuples(st.integers(-5, 5), st.integers(0, 9)).map(lambda n: {"type": "integer", "minimum": n[0], "maximum": n[0] + n[1]}),
    st.just({"type": "boolean"}),
)


def compound(parts):
    arrays = st.tuples(parts, st.integers(0, 2), st.integers(0, 2)).map(
        lambda n: {"type": "array", "items": n[0], "minItems": n[1], "maxItems": n[1] + n[2]}
    )
    objects = st.lists(st.tuples(st.sampled_from("abcdé"), parts, st.booleans()), min_size=1, max_size=4, unique_by=lambda p: p[0]).map(
        lambda p: {"type": "object", "properties": {n: s for n, s, _ in p}, "required": [n for n, _, r in p if r]}
    )
    return st.one_of(arrays, objects)


@given(schema=st.recursive(LEAVES, compound, max_leaves=5), seed=st.integers(1, 1000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_said_keeps_the_schema(binding, schema, seed):
    said = speak(binding, schema, seed)

    assert said is not None
    assert keeps(schema, json.loads(said)), said


@pytest.mark.parametrize("kind", ["choice", "approval", "ranking", "scores", "grades", "position"])
def test_every_ballot_form_can_be_filled_in(binding, kind):
    schema = ballot_schema(kind, ["A", "B"])
    ballots = [json.loads(said) for seed in range(2) if (said := speak(binding, schema, seed)) is not None]

    assert ballots
    for ballot in ballots:
        assert next(iter(ballot)) == "reason"
        assert set(ballot) == set(schema["required"])


def test_a_schema_may_refer_to_its_own_parts():
    tree = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["next"]}

    assert "ref0" in json_grammar({"$ref": "#/$defs/node", "$defs": {"node": tree}})


@pytest.mark.parametrize("schema", [{"type": "string", "pattern": "a+"}, {"allOf": [{}]}, {"type": "date"}, {"$ref": "#/nowhere"}, 7])
def test_what_a_grammar_cannot_say_is_refused(schema):
    with pytest.raises(RequestRefused, match="cannot be kept"):
        json_grammar(schema)
