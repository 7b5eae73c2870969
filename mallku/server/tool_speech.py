"""Tools for models that write their calls into the answer: how they are told of them, and how their calls are read."""

from collections.abc import Sequence
from typing import Any

from mallku.dialogue.prompt import JsonSchema
from mallku.server.backend import Generation, Tool, ToolCall
from mallku.server.identity import new_id
from mallku.wire.tool_calls import ToolCallSplitter, WrittenCall


def template_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Return tools as chat templates take them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
            },
        }
        for tool in tools
    ]


def forced_call_schema(tools: Sequence[Tool]) -> JsonSchema:
    """Return the schema of an answer that is one call of one of the tools."""
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": dict(tool.parameters) or {"type": "object"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def splitter_for(generation: Generation) -> ToolCallSplitter | None:
    """Return a reader of calls, if there are tools that may be called."""
    return ToolCallSplitter() if generation.tools and generation.tool_choice != "none" else None


def tool_calls(written: Sequence[WrittenCall]) -> tuple[ToolCall, ...]:
    """Give each call an id under which its result comes back."""
    return tuple(ToolCall(id=new_id("call_", 24), name=call.name, arguments=call.arguments) for call in written)
