"""The same job done by other frameworks, each the way its own documentation shows; whatever is not installed is left out.

The job: a question, seats with distinct system prompts, everybody sees everything said so far, one chat message for each statement.
They are no dependency of ours: install them into an environment of their own, together with mallku, and run `overhead.py --peers` there.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

QUESTION = "How should we share the water of the valley?"
PERSONA = "You are {name}. You speak for the {name} side of the valley, in short plain sentences."
Arm = Callable[..., Awaitable[None]]


async def autogen(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
    """AutoGen's round-robin group chat."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    if together:
        raise NotImplementedError
    facts = {"vision": False, "function_calling": False, "json_output": False, "family": "unknown", "structured_output": False}
    client = OpenAIChatCompletionClient(model=f"m@{delay}", base_url=url, api_key="x", model_info=facts, max_tokens=64)  # type: ignore[arg-type]
    agents = [AssistantAgent(f"S{seat}", client, system_message=PERSONA.format(name=f"S{seat}")) for seat in range(seats)]
    team = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(1 + seats * rounds))
    result = await team.run(task=QUESTION)
    assert len(result.messages) == 1 + seats * rounds, len(result.messages)
    await client.close()


async def langgraph(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
    """A LangGraph state graph with one node for each seat, in a ring or side by side."""
    import operator
    from typing import Annotated, TypedDict

    import httpx2
    from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
    from langchain_openai import ChatOpenAI
    from langgraph.graph import END, START, StateGraph

    class Talk(TypedDict):
        messages: Annotated[list[AnyMessage], operator.add]
        round: int

    # a client of its own: the default one is kept for all event loops of the process
    http = httpx2.AsyncClient(timeout=60)
    model = ChatOpenAI(model=f"m@{delay}", base_url=url, api_key="x", max_completion_tokens=64, http_async_client=http)  # type: ignore[arg-type]
    graph = StateGraph(Talk)

    def node(seat: int) -> Callable[[Talk], Awaitable[dict[str, Any]]]:
        async def speak(talk: Talk) -> dict[str, Any]:
            answer = await model.ainvoke([SystemMessage(PERSONA.format(name=f"S{seat}")), *talk["messages"]])
            return {"messages": [HumanMessage(f"S{seat}: {answer.content}")]}

        return speak

    async def count(talk: Talk) -> dict[str, Any]:
        return {"round": talk["round"] + 1}

    names = [f"S{seat}" for seat in range(seats)]
    for seat, name in enumerate(names):
        graph.add_node(name, node(seat))  # type: ignore[call-overload]
    graph.add_node("count", count)
    firsts = names if together else names[:1]

    def onward(talk: Talk) -> list[str] | str:
        return firsts if talk["round"] < rounds else END

    for name in firsts:
        graph.add_edge(START, name)
    for name, following in zip(names, [*names[1:], "count"], strict=True):
        graph.add_edge(name, "count" if together else following)
    graph.add_conditional_edges("count", onward, [*firsts, END])
    state = await graph.compile().ainvoke({"messages": [HumanMessage(QUESTION)], "round": 0}, {"recursion_limit": 10_000})
    assert len(state["messages"]) == 1 + seats * rounds, len(state["messages"])
    await http.aclose()


async def openai_agents(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
    """The OpenAI Agents SDK: an agent for each seat, the talk as input items."""
    from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(disabled=True)
    async with AsyncOpenAI(base_url=url, api_key="x") as client:
        model = OpenAIChatCompletionsModel(model=f"m@{delay}", openai_client=client)
        agents = [Agent(name=f"S{seat}", instructions=PERSONA.format(name=f"S{seat}"), model=model) for seat in range(seats)]
        said: list[Any] = [{"role": "user", "content": QUESTION}]

        async def turn(seat: int) -> str:
            return str((await Runner.run(agents[seat], list(said))).final_output)

        await _rounds(turn, said, seats, rounds, together=together)


async def pydantic_ai(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
    """Pydantic AI: an agent for each seat, the talk as message history."""
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    async with AsyncOpenAI(base_url=url, api_key="x") as client:
        model = OpenAIChatModel(f"m@{delay}", provider=OpenAIProvider(openai_client=client))
        agents: list[Agent[None, str]] = [Agent(model, instructions=PERSONA.format(name=f"S{seat}")) for seat in range(seats)]
        said: list[Any] = []

        async def turn(seat: int) -> str:
            history = [ModelRequest(parts=[UserPromptPart(content=entry["content"])]) for entry in said]
            return (await agents[seat].run(QUESTION, message_history=history)).output

        await _rounds(turn, said, seats, rounds, together=together)


async def _rounds(turn: Callable[[int], Awaitable[str]], said: list[Any], seats: int, rounds: int, *, together: bool) -> None:
    import asyncio

    for _ in range(rounds):
        if together:
            texts = await asyncio.gather(*(turn(seat) for seat in range(seats)))
            said += [{"role": "user", "content": f"S{seat}: {text}"} for seat, text in enumerate(texts)]
        else:
            for seat in range(seats):
                said.append({"role": "user", "content": f"S{seat}: {await turn(seat)}"})


_MODULES: dict[str, tuple[str, Arm]] = {
    "autogen": ("autogen_agentchat", autogen),
    "langgraph": ("langgraph", langgraph),
    "openai-agents": ("agents", openai_agents),
    "pydantic-ai": ("pydantic_ai", pydantic_ai),
}
IMPORTS = {
    "autogen": "import autogen_agentchat.agents, autogen_agentchat.teams, autogen_ext.models.openai",
    "langgraph": "import langgraph.graph, langchain_openai",
    "openai-agents": "import agents",
    "pydantic-ai": "import pydantic_ai, pydantic_ai.models.openai",
}
"""What each needs to have imported before it can begin."""


def installed() -> dict[str, Arm]:
    """Return the peers that are here."""
    return {name: arm for name, (module, arm) in _MODULES.items() if find_spec(module) is not None}
