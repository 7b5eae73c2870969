"""Chat requests of OpenAI's protocol: what they may hold, and what they ask of a backend."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mallku.dialogue.message import Message
from mallku.dialogue.prompt import ReasoningEffort
from mallku.server.backend import Generation, Tool, ToolChoice
from mallku.server.errors import Refusal

Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
StopText = Annotated[str, Field(min_length=1, max_length=500)]
Stop = StopText | Annotated[list[StopText], Field(max_length=16)]
LogitBias = Annotated[dict[str, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=1024)]

MOST_ANSWERS = 16
"""Most answers to one request."""


class RequestModel(BaseModel):
    """A request body: types are taken strictly, and unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, protected_namespaces=())


class TextPart(RequestModel):
    """A part of a message. Only text is understood."""

    type: Literal["text"]
    text: str
    cache_control: dict[str, Any] | None = None


class CalledFunction(RequestModel):
    """The function of an earlier tool call."""

    name: str
    arguments: str


class EarlierToolCall(RequestModel):
    """A tool call that stands in the history."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction
    index: int | None = None


class ChatMessage(RequestModel):
    """One message of the chat."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    tool_calls: list[EarlierToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None
    audio: None = None
    function_call: None = None

    @property
    def text(self) -> str:
        """The content as one string."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())


class StreamOptions(RequestModel):
    """Options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class SchemaFormat(RequestModel):
    """A named JSON Schema."""

    name: Annotated[str, Field(max_length=64)]
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")] = {}
    strict: bool | None = None


class ResponseFormat(RequestModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None


class FunctionTool(RequestModel):
    """A function's description."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ChatTool(RequestModel):
    """A tool of the chat protocol."""

    type: Literal["function"]
    function: FunctionTool


class NamedFunction(RequestModel):
    """A function's name."""

    name: str


class NamedTool(RequestModel):
    """A tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class ChatRequest(RequestModel):
    """The body of `POST /v1/chat/completions`."""

    model: str | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=10_000)]
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Share | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: LogitBias | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    grammar: Annotated[str, Field(max_length=100_000)] | None = None
    tools: Annotated[list[ChatTool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    include_reasoning: bool | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None
    modalities: list[Literal["text"]] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None

    def generation(self) -> Generation:
        """Return what is asked of the backend; raises `Refusal` where fields contradict each other."""
        if self.stream_options is not None and not self.stream:
            raise Refusal(400, "`stream_options` is only allowed with `stream`.", code="invalid_value", param="stream_options")
        if self.top_logprobs is not None and not self.logprobs:
            raise Refusal(400, "`top_logprobs` is only allowed with `logprobs`.", code="invalid_value", param="top_logprobs")
        self._check_ending()
        tools, choice = self._tools()
        return Generation(
            messages=chat_messages(self.messages),
            continues=bool(self.continue_final_message),
            max_tokens=one_limit(self.max_tokens, self.max_completion_tokens),
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repeat_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=self.seed,
            stop=stop_texts(self.stop),
            schema=answer_schema(self.response_format),
            grammar=self.grammar,
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            logit_bias=logit_bias(self.logit_bias),
            reasoning=effort(self.reasoning_effort),
            tools=tools,
            tool_choice=choice,
            is_whole=not self.stream,
        )

    def _check_ending(self) -> None:
        """Refuse to continue a message that cannot be, and to have nothing said after the chat."""
        continues, begins = bool(self.continue_final_message), self.add_generation_prompt
        if begins is not None and begins == continues:
            message = "`add_generation_prompt` is the opposite of `continue_final_message`. Leave one of them out."
            raise Refusal(400, message, code="invalid_value", param="add_generation_prompt")
        last = self.messages[-1]
        if continues and (last.role != "assistant" or last.tool_calls or not last.text):
            message = "`continue_final_message` asks to continue the last message, which is no text of the assistant's."
            raise Refusal(400, message, code="invalid_value", param="continue_final_message")

    def _tools(self) -> tuple[tuple[Tool, ...], ToolChoice]:
        tools = tuple(
            Tool(name=tool.function.name, description=tool.function.description or "", parameters=tool.function.parameters or {})
            for tool in self.tools or ()
        )
        if not isinstance(self.tool_choice, NamedTool):
            if self.tool_choice == "required" and not tools:
                raise Refusal(400, "`tool_choice` is 'required' and there are no `tools`.", code="invalid_value", param="tool_choice")
            return tools, self.tool_choice or "auto"
        wanted = self.tool_choice.function.name
        chosen = tuple(tool for tool in tools if tool.name == wanted)
        if not chosen:
            raise Refusal(400, f"`tool_choice` names {wanted!r}, which is not among `tools`.", code="invalid_value", param="tool_choice")
        return chosen, "required"


def chat_messages(messages: list[ChatMessage]) -> tuple[Message, ...]:
    """Return the chat with plain text only: names, tool calls and their results stand in the text.

    Reasoning of earlier answers is left out: it is never shown to a model again.
    """
    plain = []
    for message in messages:
        text = f"{message.name}: {message.text}" if message.name and message.role != "tool" else message.text
        match message.role:
            case "system" | "developer":
                plain.append(Message(role="system", content=text))
            case "tool":
                plain.append(Message(role="user", content=tool_result(text)))
            case "assistant":
                calls = [tool_call_text(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
                plain.append(Message(role="assistant", content="\n".join([text, *calls] if text else calls)))
            case "user":
                plain.append(Message(role="user", content=text))
    return tuple(plain)


def tool_call_text(name: str, arguments: str) -> str:
    """Write an earlier tool call as models with tool templates do."""
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments or "{}"}}}\n</tool_call>'


def tool_result(text: str) -> str:
    """Write a tool's result as models with tool templates read it."""
    return f"<tool_response>\n{text}\n</tool_response>"


def one_limit(max_tokens: int | None, max_completion_tokens: int | None) -> int | None:
    """Return the one token limit that two names stand for."""
    if max_tokens is not None and max_completion_tokens is not None and max_tokens != max_completion_tokens:
        message = f"`max_tokens` is {max_tokens} and `max_completion_tokens` is {max_completion_tokens}. Give one of them."
        raise Refusal(400, message, code="invalid_value", param="max_completion_tokens")
    return max_completion_tokens if max_completion_tokens is not None else max_tokens


def stop_texts(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the stop texts as a tuple."""
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def answer_schema(form: ResponseFormat | None) -> dict[str, Any] | None:
    """Return the schema that a response format asks for, or None for free text."""
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return {"type": "object"}
    if form.json_schema is None:
        raise Refusal(400, "`response_format` lacks `json_schema`.", code="invalid_value", param="response_format.json_schema")
    return form.json_schema.schema_ or {"type": "object"}


def logit_bias(given: dict[str, float] | None) -> dict[int, float] | None:
    """Return the bias by token id."""
    if not given:
        return None
    for token in given:
        if not (token.isascii() and token.isdigit() and len(token) < 11):  # noqa: PLR2004 - the digits of a 32-bit number
            raise Refusal(400, f"`logit_bias` has the key {token!r}; keys are token ids.", code="invalid_value", param="logit_bias")
    return {int(token): bias for token, bias in given.items()}


def effort(given: str | None) -> ReasoningEffort | None:
    """Translate a reasoning effort; `minimal` is `low` here."""
    match given:
        case "none" | "low" | "medium" | "high":
            return given
        case "minimal":
            return "low"
        case _:
            return None
