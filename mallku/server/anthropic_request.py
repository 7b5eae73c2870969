"""Message requests of Anthropic's protocol: what they may hold, and what they ask of a backend."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from mallku.dialogue.message import Message
from mallku.dialogue.prompt import ReasoningEffort
from mallku.server.backend import Generation, Tool, ToolChoice
from mallku.server.chat_request import Count, RequestModel, Share, StopText, tool_call_text, tool_result
from mallku.server.errors import Refusal

CacheControl = dict[str, Any] | None


class TextBlock(RequestModel):
    """Text."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl = None
    citations: None = None


class ToolUseBlock(RequestModel):
    """A tool call that stands in the history."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]
    cache_control: CacheControl = None
    caller: Any = None


class ToolResultBlock(RequestModel):
    """The result of a tool call."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[TextBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl = None


class ThinkingBlock(RequestModel):
    """Reasoning of an earlier answer. It is accepted and not shown to the model again."""

    type: Literal["thinking", "redacted_thinking"]
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


Block = Annotated[TextBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock, Field(discriminator="type")]


class AnthropicMessage(RequestModel):
    """One message."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class AnthropicTool(RequestModel):
    """A tool of the client's own."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    description: str | None = None
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: CacheControl = None


class AnthropicToolChoice(RequestModel):
    """Whether tools may, must or must not be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(RequestModel):
    """Whether reasoning is wanted, and shown."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Field(ge=1)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(RequestModel):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(RequestModel):
    """Effort and form of the answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(RequestModel):
    """Who asks, by the client's word. It is not kept."""

    user_id: str | None = None


class CountRequest(RequestModel):
    """The body of `POST /v1/messages/count_tokens`."""

    model: str
    messages: Annotated[list[AnthropicMessage], Field(min_length=1, max_length=100_000)]
    system: str | list[TextBlock] | None = None
    tools: Annotated[list[AnthropicTool], Field(max_length=128)] | None = None
    tool_choice: AnthropicToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl = None

    @property
    def chat(self) -> tuple[Message, ...]:
        """The chat with plain text only: tool calls and their results stand in the text."""
        system = self.system if isinstance(self.system, str) else "\n\n".join(block.text for block in self.system or ())
        plain = [Message(role="system", content=system)] if system else []
        return (*plain, *(Message(role=message.role, content=_text(message)) for message in self.messages))


class MessagesRequest(CountRequest):
    """The body of `POST /v1/messages`."""

    max_tokens: Count
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    stop_sequences: Annotated[list[StopText], Field(max_length=16)] | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None

    @property
    def shows_thinking(self) -> bool:
        """Whether reasoning is part of the response."""
        return self.thinking is not None and self.thinking.type != "disabled" and self.thinking.display != "omitted"

    def generation(self, *, can_reason: bool) -> Generation:
        """Return what is asked of the backend; raises `Refusal` where fields contradict each other."""
        tools = tuple(Tool(name=tool.name, description=tool.description or "", parameters=tool.input_schema) for tool in self.tools or ())
        choice, tools = self._choice(tools)
        form = self.output_config.format if self.output_config else None
        return Generation(
            messages=self.chat,
            continues=self._continues(),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            stop=tuple(self.stop_sequences or ()),
            schema=form.schema_ if form else None,
            reasoning=self._effort(can_reason=can_reason),
            tools=tools,
            tool_choice=choice,
            is_whole=not self.stream,
        )

    def _continues(self) -> bool:
        """Tell whether the answer goes on from a last message of the assistant's; raises `Refusal` if that is no text."""
        last = self.messages[-1]
        if last.role != "assistant":
            return False
        if not _text(last).strip() or (not isinstance(last.content, str) and not isinstance(last.content[-1], TextBlock)):
            message = (
                "The last message is the assistant's and does not end in text that could be continued. End with a message of the user."
            )
            raise Refusal(400, message, code="invalid_value", param="messages")
        return True

    def _effort(self, *, can_reason: bool) -> ReasoningEffort | None:
        """Return the effort asked for; a model that cannot be told is not told."""
        if not can_reason:
            return None
        if self.output_config and self.output_config.effort:
            effort = self.output_config.effort
            return "high" if effort in {"xhigh", "max"} else effort  # type: ignore[return-value]
        if self.thinking is None or self.thinking.type == "adaptive":
            return None
        return "none" if self.thinking.type == "disabled" else "medium"

    def _choice(self, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
        asked = self.tool_choice
        if asked is None or asked.type in {"auto", "none"}:
            return ("none" if asked is not None and asked.type == "none" else "auto"), tools
        chosen = tools if asked.type == "any" else tuple(tool for tool in tools if tool.name == asked.name)
        if not chosen:
            raise Refusal(400, f"`tool_choice` asks for {asked.name or 'a tool'!r}, which is not among `tools`.", param="tool_choice")
        return "required", chosen


def _text(message: AnthropicMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = []
    for block in message.content:
        match block:
            case TextBlock():
                parts.append(block.text)
            case ToolUseBlock():
                parts.append(tool_call_text(block.name, json.dumps(block.input, ensure_ascii=False)))
            case ToolResultBlock():
                content = block.content if isinstance(block.content, str) else "".join(part.text for part in block.content or ())
                parts.append(tool_result(f"Error: {content}" if block.is_error else content))
            case ThinkingBlock():
                pass
    return "\n".join(parts)
