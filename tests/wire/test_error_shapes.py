"""Every server's way of saying what went wrong is understood."""

import json

import pytest

from mallku.wire.error_shapes import error_inside, read_error

OPENAI = {"error": {"message": "x", "type": "y", "code": 400}}


@pytest.mark.parametrize(
    ("server", "status", "body", "kind"),
    [
        ("llama-server", 400, {"error": {"code": 400, "message": "request (99 tokens) exceeds the available context size (64 tokens)",
            "type": "exceed_context_size_error", "n_prompt_tokens": 99, "n_ctx": 64}}, "overflow"),
        ("vllm", 400, {"error": {"message": "This model's maximum context length is 64 tokens. You requested 99 tokens"}}, "overflow"),
        ("llama-cpp-python", 400, {"error": {"message": "maximum context length is 64 tokens, however you requested 99 tokens",
            "code": "context_length_exceeded"}}, "overflow"),
        ("fastchat", 400, {"object": "error", "message": "This model's maximum context length is 64 tokens.", "code": 40303}, "overflow"),
        ("lm-studio", 400, {"error": "Trying to keep the first 99 tokens when context overflows."}, "overflow"),
        ("tgi", 422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 64", "error_type": "validation"}, "overflow"),
        ("sglang", 400, {"object": "error", "message": "The input (99 tokens) is longer than the model's context length."}, "overflow"),
        ("llama-server", 500, {"error": {"message": "Context size has been exceeded.", "type": "server_error"}}, "shared memory full"),
        ("llama-server", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, "loading"),
        ("ollama", 503, {"error": {"message": "server busy, please try again. maximum pending requests exceeded"}}, "busy"),
        ("tgi", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, "busy"),
        ("koboldcpp", 503, {"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}}, "busy"),
        ("llama-server", 401, {"error": {"message": "Invalid API Key", "type": "authentication_error"}}, "key"),
        ("vllm", 404, {"error": {"message": "The model `x` does not exist.", "type": "NotFoundError"}}, "model missing"),
        ("ollama", 404, {"error": {"message": 'model "x" not found, try pulling it first'}}, "model missing"),
        ("mlx-lm", 404, {"error": "cannot reshape array of size 3"}, "generation"),
        ("tgi", 424, {"error": "Request failed during generation", "error_type": "generation"}, "generation"),
        ("any", 404, "Not Found", "wrong path"),
        ("nginx", 404, "<html><title>404 Not Found</title></html>", "wrong path"),
        ("lm-studio", 200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}, "wrong path"),
        ("strict template", 400, {"error": {"message": "Conversation roles must alternate user/assistant"}}, "roles"),
        ("llama-cpp-python", 500, {"error": {"message": "System role not supported", "type": "internal_server_error"}}, "roles"),
        ("gpt4all", 400, {"error": {"message": "'seed' is not supported", "type": "invalid_request_error"}}, "parameter"),
        ("gpt4all", 400, {"error": {"message": "'stream' is not supported"}}, "streaming refused"),
        ("transformers", 422, {"detail": "Unexpected fields in the request: {'seed'}"}, "parameter"),
        ("fastapi", 422, {"detail": [{"loc": ["seed"], "msg": "Extra inputs are not permitted"}]}, "parameter"),
        ("lm-studio", 400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}, "structured output"),
        ("proxy", 502, "Bad Gateway", "server"),
        ("transformers", 500, "Internal Server Error", "server"),
        ("empty", 500, "", "server"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else None,
)  # fmt: skip
def test_the_kind_of_trouble_is_read_from_status_and_words(server, status, body, kind):
    text = body if isinstance(body, str) else json.dumps(body)

    assert read_error(status, text, sent=frozenset({"seed", "response_format"})).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 64 tokens. However, you requested 99 tokens",
        "request (99 tokens) exceeds the available context size (64 tokens)",
        "Requested tokens (99) exceed context window of 64",
    ],
)
def test_the_figures_are_read_from_the_words(text):
    facts = read_error(400, json.dumps({"error": {"message": text}}))

    assert (facts.needed, facts.window) == (99, 64)


def test_the_field_that_is_complained_about_is_named():
    facts = read_error(400, '{"error":{"message":"\'top_k\' is not supported"}}', sent=frozenset({"top_k", "seed"}))

    assert facts.parameters == ("top_k",)


@pytest.mark.parametrize(
    "data", [{"error": "x"}, {"error": {"message": "x"}}, {"error_code": 50001, "text": "x"}, {"object": "error"}, {"detail": "x"}]
)
def test_errors_inside_a_200_are_noticed(data):
    assert error_inside(data)


def test_an_answer_with_a_null_error_is_an_answer():
    assert not error_inside({"choices": [], "error": None})


def test_what_a_server_says_is_shortened_and_put_on_one_line():
    facts = read_error(500, "a\n" * 5000)

    assert len(facts.text) <= 300
    assert "\n" not in facts.text
