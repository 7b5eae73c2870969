"""Requests of OpenAI's responses protocol, its text and function part: what they may hold, and what they ask of a backend."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mallku.dialogue.message import Message
from mallku.server.backend import Generation, Tool, ToolChoice
from mallku.server.chat_request import Count, RequestModel, Share, Temperature, effort, tool_call_text, tool_result
from mallku.server.errors import Refusal


class InputText(RequestModel):
    """A part of an input message. Only text is understood."""

    type: Literal["input_text", "output_text", "text"]
    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class InputMessage(RequestModel):
    """A message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[InputText]
    id: str | None = None
    status: str | None = None
    phase: str | None = None


class InputCall(RequestModel):
    """A function call that stands in the history."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None


class InputCallOutput(RequestModel):
    """The result of a function call."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[InputText]
    id: str | None = None
    status: str | None = None


class InputReasoning(RequestModel):
    """Reasoning of an earlier answer. It is accepted and not shown to the model again."""

    type: Literal["reasoning"]
    id: str | None = None
    summary: list[Any] | None = None
    content: list[Any] | None = None
    encrypted_content: str | None = None
    status: str | None = None


class TextForm(RequestModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class TextConfig(RequestModel):
    """Settings of the answer's text."""

    format: TextForm | None = None
    verbosity: Literal["medium"] | None = None


class ResponseTool(RequestModel):
    """A function. Tools that the server would run itself are not understood."""

    type: Literal["function"]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseToolChoice(RequestModel):
    """A function that must be called."""

    type: Literal["function"]
    name: str


class Reasoning(RequestModel):
    """How much reasoning is wanted, and whether it is shown."""

    effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class ResponsesRequest(RequestModel):
    """The body of `POST /v1/responses`. Responses are not kept: `store` and `previous_response_id` are refused."""

    model: str | None = None
    input: str | Annotated[list[InputMessage | InputCall | InputCallOutput | InputReasoning], Field(min_length=1, max_length=10_000)]
    instructions: str | None = None
    max_output_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    stream: bool | None = None
    stream_options: None = None
    store: bool | None = None
    text: TextConfig | None = None
    tools: Annotated[list[ResponseTool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    include: Annotated[list[Literal["reasoning.encrypted_content"]], Field(max_length=1)] | None = None
    truncation: Literal["disabled"] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    background: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None

    @property
    def shows_reasoning(self) -> bool:
        """Whether reasoning is part of the response."""
        return self.reasoning is not None and self.reasoning.summary is not None

    def generation(self) -> Generation:
        """Return what is asked of the backend; raises `Refusal` where fields contradict each other."""
        if self.store:
            raise Refusal(400, "`store` is not supported: responses are not kept.", code="unsupported_parameter", param="store")
        form = self.text.format if self.text else None
        tools = tuple(
            Tool(name=tool.name, description=tool.description or "", parameters=tool.parameters or {}) for tool in self.tools or ()
        )
        choice, tools = self._choice(tools)
        return Generation(
            messages=self._messages(),
            max_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            schema=None if form is None or form.type == "text" else form.schema_ or {"type": "object"},
            reasoning=effort(self.reasoning.effort) if self.reasoning else None,
            tools=tools,
            tool_choice=choice,
            is_whole=not self.stream,
        )

    def _choice(self, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
        if not isinstance(self.tool_choice, ResponseToolChoice):
            if self.tool_choice == "required" and not tools:
                raise Refusal(400, "`tool_choice` is 'required' and there are no `tools`.", code="invalid_value", param="tool_choice")
            return self.tool_choice or "auto", tools
        wanted = self.tool_choice.name
        chosen = tuple(tool for tool in tools if tool.name == wanted)
        if not chosen:
            raise Refusal(400, f"`tool_choice` names {wanted!r}, which is not among `tools`.", code="invalid_value", param="tool_choice")
        return "required", chosen

    def _messages(self) -> tuple[Message, ...]:
        plain = [Message(role="system", content=self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return (*plain, Message(role="user", content=self.input))
        for item in self.input:
            match item:
                case InputMessage():
                    role = "system" if item.role == "developer" else item.role
                    plain.append(Message(role=role, content=_text(item.content)))
                case InputCall():
                    plain.append(Message(role="assistant", content=tool_call_text(item.name, item.arguments)))
                case InputCallOutput():
                    plain.append(Message(role="user", content=tool_result(_text(item.output))))
                case InputReasoning():
                    pass
        return tuple(plain)


def _text(content: str | list[InputText]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)
