"""The bundled file is what it says it is, and speaks in the form of the circle."""

import json

import pytest

from mallku.dialogue.ballot_form import ballot_instruction, ballot_schema, read_ballot
from mallku.dialogue.prompt_layout import TurnRequest, lay_out
from mallku.dialogue.round_kinds import INSTRUCTIONS
from mallku.dialogue.transcript import Transcript, given_options
from mallku.dialogue.verdict import Ballot
from mallku.tiny import REHEARSAL_MODEL_NAME, REHEARSAL_NOTICE, rehearsal_model_path

gguf = pytest.importorskip("gguf")
llama_cpp = pytest.importorskip("llama_cpp")
jinja2 = pytest.importorskip("jinja2")
tokenizers = pytest.importorskip("tokenizers")

MOST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def fields():
    reader = gguf.GGUFReader(rehearsal_model_path())
    return {name: field.contents() for name, field in reader.fields.items()}


@pytest.fixture(scope="module")
def llama():
    model = llama_cpp.Llama(str(rehearsal_model_path()), n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False)
    yield model
    model.close()


def prompt_of(**fields):
    request = TurnRequest(**{"seat": "Ada", "role": "librarian", "instruction": INSTRUCTIONS["opening"], "max_words": 90, **fields})
    return lay_out(Transcript(question="Should the village open the observatory to everyone?"), request)


def answer(llama, prompt, **asked):
    made = llama.create_chat_completion(
        [{"role": message.role, "content": message.content} for message in prompt.messages], temperature=0.7, seed=3, **asked
    )
    return made["choices"][0]["message"]["content"], made["choices"][0]["finish_reason"]


def test_the_file_is_small_enough_to_travel_with_the_package():
    assert 1_000_000 < rehearsal_model_path().stat().st_size <= MOST_BYTES


def test_the_notice_is_one_sentence_that_says_what_the_model_is_not():
    assert "no knowledge" in REHEARSAL_NOTICE
    assert REHEARSAL_NOTICE.count(".") == 1


def test_the_file_says_its_name_licence_and_context(fields):
    assert fields["general.name"] == REHEARSAL_MODEL_NAME
    assert fields["general.license"] == "MIT"
    assert fields["llama.context_length"] == 2048


def test_the_chat_template_renders_as_the_training_had_it(fields):
    template = jinja2.Environment(autoescape=False).from_string(fields["tokenizer.chat_template"])

    rendered = template.render(messages=[{"role": "system", "content": "S"}, {"role": "user", "content": "U"}], add_generation_prompt=True)

    assert rendered == "<|system|>S<|end|><|user|>U<|end|><|assistant|>"


def test_llama_cpp_cuts_a_prompt_into_the_tokens_of_the_training(fields, llama):
    from mallku.tiny.recipe.tokenizer import assemble

    words = {token: number for number, token in enumerate(fields["tokenizer.ggml.tokens"])}
    trained = assemble(words, [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]])
    text = prompt_of().user + " Großmütter zahlen 1250 € - isn't it?"

    assert llama.tokenize(text.encode(), add_bos=False, special=False) == trained.encode(text, add_special_tokens=False).ids


def test_an_opening_ends_by_itself_and_is_no_longer_than_asked(llama):
    text, reason = answer(llama, prompt_of(), max_tokens=200)

    assert reason == "stop"
    assert 5 <= len(text.split()) <= 90


def test_a_ballot_under_a_grammar_is_valid(llama):
    prompt = prompt_of(instruction=ballot_instruction("choice"), round_title="ballot", options=given_options(["Yes", "No"]))
    grammar = llama_cpp.LlamaGrammar.from_json_schema(json.dumps(ballot_schema("choice", ["A", "B"])), verbose=False)

    text, reason = answer(llama, prompt, max_tokens=200, grammar=grammar)

    assert reason == "stop"
    assert isinstance(read_ballot("choice", ["A", "B"], "Ada", text), Ballot)


def test_a_probe_gets_a_plain_answer(llama):
    made = llama.create_chat_completion([{"role": "user", "content": "Say OK."}], max_tokens=20, temperature=0.0)

    assert "OK" in made["choices"][0]["message"]["content"]
