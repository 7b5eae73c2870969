"""Asks an endpoint who it is: one list of models, then at most a few more GETs that are known to have no side effects.

Nothing is probed blindly: on some servers innocent-looking paths act (SGLang's `GET /flush_cache`) or fill the user's console with errors.
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from mallku.catalog.endpoint_facts import EndpointFacts, ServedModel
from mallku.errors import ConfigurationError, EndpointRefused, EndpointUnreachable, Overloaded, ProtocolViolation

if TYPE_CHECKING:
    from mallku.catalog.guarded_client import Answer, GuardedClient

_OWNERS: Final[Mapping[str, str]] = {
    "llamacpp": "llama-server",
    "organization_owner": "lm-studio",
    "docker": "docker-model-runner",
    "vllm": "vllm",
    "sglang": "sglang",
    "me": "llama-cpp-python",
    "user": "text-generation-webui",
    "fastchat": "fastchat",
    "koboldcpp": "koboldcpp",
    "lemonade": "lemonade",
    "xinference": "xinference",
    "humanity": "gpt4all",
    "library": "ollama",
}
_LITELLM: Final[Mapping[str, object]] = {"owned_by": "openai", "created": 1_677_610_602}
"""What LiteLLM's proxy says of every model, wherever it passes requests on to."""

_TAILS: Final = ("/chat/completions", "/completions", "/models", "/embeddings")
_MOST: Final = 10**12
"""No server holds more tokens, or serves more at once; a larger number is a mistake."""
_NOT_HERE: Final = frozenset({404, 405, 501})
_KEY_WANTED: Final = frozenset({401, 403})
_REDIRECTS: Final = range(300, 400)


def candidate_urls(url: str) -> tuple[str, ...]:
    """Return the base URLs that `url` may mean, likeliest first.

    Raises:
        ConfigurationError: It is not an http or https URL, or carries a password.
    """
    text = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is not a URL: {error}.", hint="Write it like `http://127.0.0.1:8080/v1`.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{url!r} is not an HTTP URL.", hint="Write it like `http://127.0.0.1:8080/v1`.")
    if parts.username or parts.password:
        raise ConfigurationError(
            f"The URL of {parts.hostname!r} carries a name or password.", hint="Give the key as `api_key`, so that it stays out of records."
        )
    path = parts.path.rstrip("/")
    for tail in _TAILS:
        path = path.removesuffix(tail)
    roots = ("/v1", "", "/engines/v1", "/api") if not path else (path,) if path.endswith("/v1") else (path, f"{path}/v1")
    return tuple(urlunsplit((parts.scheme, parts.netloc, root, "", "")) for root in roots)


def root_of(base_url: str) -> str:
    """Return scheme, host and port of a base URL."""
    parts = urlsplit(base_url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def checked_proxy(url: str, *, allow_remote: bool) -> str:
    """Return the address of a proxy in full, or nothing where none is given.

    Raises:
        ConfigurationError: It is no plain HTTP proxy, carries a password, or is given where nothing may leave the house.
    """
    if not url:
        return ""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.username or parts.password:
        raise ConfigurationError(f"The proxy at {parts.hostname!r} carries a name or password.", hint="Use one that asks for none.")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError(f"{url!r} is no HTTP proxy.", hint="Write it like `http://127.0.0.1:3128`.")
    if not allow_remote:
        raise ConfigurationError(
            f"The proxy {url!r} is given, and nothing may leave the local network.",
            hint="Local servers are always dialled directly: leave `proxy` out, or say `allow_remote=True` too.",
        )
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


async def probe(url: str, *, client: "GuardedClient", server: str = "", timeout_s: float = 10.0) -> EndpointFacts:
    """Find out where the protocol answers, what serves it and with which models.

    Args:
        url: What the user wrote.
        client: Dials, and presents the key if there is one.
        server: Kind of server, if it is known and not to be guessed.
        timeout_s: Seconds for each question.

    Raises:
        EndpointUnreachable: Nothing answers.
        EndpointRefused: The endpoint demands a key.
        Overloaded: It is still loading its model.
        RemoteAddressRefused: The address lies outside.
        ProtocolViolation: Something answers that is no model server.
    """
    candidates = candidate_urls(url)
    strange: Answer | None = None
    for base_url in candidates:
        try:
            answer = await client.get(f"{base_url}/models", timeout_s=timeout_s)
        except EndpointUnreachable:
            # some servers drop the connection when they have no list to give
            if client.location(base_url) is None:
                raise
            continue
        if answer.status in _KEY_WANTED:
            raise EndpointRefused(
                f"{base_url} answered {answer.status}: it {'refuses the key given' if client.has_key else 'demands a key'}.",
                hint="Give it as `api_key` or in a file as `api_key_file`, or as LOCAL_API_KEY in the environment.",
                status=answer.status,
            )
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Overloaded(
                f"{base_url} answered 503: {answer.text[:200]}.",
                hint="It is probably still loading its model.",
                retry_after=1.0,
                status=answer.status,
            )
        if answer.status in _REDIRECTS:
            raise ProtocolViolation(
                f"{base_url} redirects to {answer.headers.get('location', 'elsewhere')!r}, and redirects are not followed.",
                hint="Give the address where the server itself answers.",
                status=answer.status,
            )
        listed = _listed(answer)
        if listed is not None:
            facts = _facts(base_url, answer, listed, client)
            return await _known_better(replace(facts, server=server or facts.server), client=client, timeout_s=timeout_s)
        if answer.status not in _NOT_HERE and answer.content.strip():
            strange = strange or answer
    return replace(_unlisted(candidates, strange, client), server=server)


def _unlisted(candidates: tuple[str, ...], strange: "Answer | None", client: "GuardedClient") -> EndpointFacts:
    if strange is not None and strange.status < min(_REDIRECTS):
        what = "an HTML page" if "<html" in strange.text[:1000].lower() else f"{strange.text[:100]!r}"
        raise ProtocolViolation(
            f"{candidates[0]} answers with {what} instead of a list of models.",
            hint="Give the address of the OpenAI-compatible interface; it usually ends in `/v1`.",
            status=strange.status,
        )
    location, address = client.location(candidates[0]) or ("loopback", "")
    return EndpointFacts(base_url=candidates[0], location=location, address=address, lists_models=False)


def _listed(answer: "Answer") -> list[Mapping[str, Any]] | None:
    if answer.status != 200:  # noqa: PLR2004 - the one status that carries a list
        return None
    data = answer.json()
    rows = data.get("data", data.get("models")) if isinstance(data, dict) else data
    if rows is None and isinstance(data, dict) and "object" in data:
        rows = []
    return [row for row in map(_row, rows) if row] if isinstance(rows, list) else None


def _row(row: Any) -> Mapping[str, Any]:
    """Return a row of a list with its name as `id`, or nothing where it has none; some makers write the bare name, or call it otherwise."""
    named = {"id": row} if isinstance(row, str) else row
    if not isinstance(named, dict):
        return {}
    name = next((named[key] for key in ("id", "name", "model") if isinstance(named.get(key), (str, int))), None)
    return {} if name is None else {**named, "id": str(name)}


def _facts(base_url: str, answer: "Answer", rows: list[Mapping[str, Any]], client: "GuardedClient") -> EndpointFacts:
    location, address = client.location(base_url) or ("loopback", "")
    return EndpointFacts(
        base_url=base_url,
        server=_kind(answer, rows, base_url),
        location=location,
        address=address,
        models=tuple({row["id"]: _served(row) for row in rows}.values()),
    )


def _kind(answer: "Answer", rows: list[Mapping[str, Any]], base_url: str) -> str:
    server = answer.headers.get("server", "").lower()
    owners = {str(row.get("owned_by", "")).lower() for row in rows}
    if "llama.cpp" in server:
        return "llama-server"
    for owner, kind in _OWNERS.items():
        if owner in owners:
            return kind
    if "basehttp" in server:
        return "mlx-lm"
    if rows and all(row.keys() == {"id", "object"} for row in rows):
        return "localai"
    if rows and all(row.get("owned_by") == row.get("id") for row in rows):
        return "tgi"
    return "ollama" if urlsplit(base_url).port == 11434 else ""  # noqa: PLR2004 - Ollama's own port, and nobody else's


def _served(row: Mapping[str, Any]) -> ServedModel:
    meta, runner = _inner(row, "meta"), _inner(row, "dmr")
    status = row.get("status")
    name = row["id"]
    labels = row.get("labels")
    return ServedModel(
        id=name,
        window=_number(
            meta.get("n_ctx"), runner.get("context_window"), row.get("max_model_len"), row.get("context_window"), row.get("context_length")
        ),
        trained_window=_number(meta.get("n_ctx_train"), row.get("max_context_window"), row.get("max_context_length")),
        embeds=str(row.get("type")) in {"embedding", "embeddings"}
        or "embed" in name.lower()
        or (isinstance(labels, list) and ("embeddings" in labels or "reranking" in labels)),
        remote=row.get("recipe") == "cloud" or row.items() >= _LITELLM.items() or is_cloud_name(name),
        loaded=status.get("value") == "loaded" if isinstance(status, dict) else None,
    )


def _inner(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def passes_on(facts: EndpointFacts, model: str) -> bool:
    """Say whether a server passes requests for `model` on to another machine, by its name or by the server's own word."""
    served = next((entry for entry in facts.models if entry.id == model), None)
    return is_cloud_name(model) or (served is not None and served.remote)


def is_cloud_name(model: str) -> bool:
    """Say whether a model's name marks it as one that Ollama passes on to its makers' machines."""
    return model.endswith(("-cloud", ":cloud"))


async def _known_better(facts: EndpointFacts, *, client: "GuardedClient", timeout_s: float) -> EndpointFacts:
    """Ask the few questions that this kind of server answers without side effects."""
    root = root_of(facts.base_url)

    async def ask(path: str) -> Any:
        try:
            answer = await client.get(f"{root}{path}", timeout_s=timeout_s)
        except EndpointUnreachable:
            return None
        return answer.json() if answer.status == 200 else None  # noqa: PLR2004 - the one status that carries an answer

    match facts.server:
        case "llama-server":
            return _with_props(facts, await ask("/props"))
        case "lm-studio":
            return _with_instances(facts, await ask("/api/v1/models"))
        case "ollama":
            return _with_tags(facts, await ask("/api/tags"), await ask("/api/ps"))
        case "koboldcpp":
            return _with_window(facts, await ask("/api/extra/true_max_context_length"), "value")
        case "tgi":
            return _with_window(facts, await ask("/info"), "max_total_tokens")
        case _:
            return facts


def _with_props(facts: EndpointFacts, props: Any) -> EndpointFacts:
    if not isinstance(props, dict):
        return facts
    settings = props.get("default_generation_settings")
    per_slot = _number(settings.get("n_ctx")) if isinstance(settings, dict) else None
    slots = _number(props.get("total_slots"))
    whole = next((model.window for model in facts.models if model.window), None)
    shares = slots is not None and slots > 1 and per_slot is not None and (whole is None or whole == per_slot)
    models = tuple(replace(model, window=per_slot or model.window) for model in facts.models) if len(facts.models) == 1 else facts.models
    return replace(
        facts, models=models, parallel=slots, shared_pool=per_slot if shares else None, version=str(props.get("build_info") or "")[:40]
    )


def _with_instances(facts: EndpointFacts, data: Any) -> EndpointFacts:
    windows: dict[str, int | None] = {}
    parallel: int | None = None
    for row in _rows(data, "models") or _rows(data, "data"):
        for instance in _rows(row, "loaded_instances"):
            config = _inner(instance, "config")
            for name in (instance.get("id"), row.get("key"), row.get("id")):
                windows[str(name)] = _number(config.get("context_length"))
            parallel = _number(config.get("parallel")) or parallel
    models = tuple(replace(model, window=windows.get(model.id) or model.window, loaded=model.id in windows) for model in facts.models)
    return replace(facts, models=models, parallel=parallel)


def _with_tags(facts: EndpointFacts, tags: Any, running: Any) -> EndpointFacts:
    passed_on = {str(row.get("name")) for row in _rows(tags) if row.get("remote_host") or row.get("remote_model")}
    windows = {str(row.get("name")): _number(row.get("context_length")) for row in _rows(running)}
    models = tuple(
        replace(model, remote=model.remote or model.id in passed_on, window=windows.get(model.id), loaded=model.id in windows)
        for model in facts.models
    )
    return replace(facts, models=models)


def _rows(data: Any, field: str = "models") -> list[Mapping[str, Any]]:
    rows = data.get(field) if isinstance(data, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _with_window(facts: EndpointFacts, data: Any, field: str) -> EndpointFacts:
    window = _number(data.get(field)) if isinstance(data, dict) else None
    return replace(facts, models=tuple(replace(model, window=window or model.window) for model in facts.models))


def _number(*values: Any) -> int | None:
    """Return the first of the values that is a number of tokens or places; some servers write it as text."""
    for value in values:
        number = float(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, (int, float)) and not isinstance(number, bool) and 0 < number <= _MOST:
            return int(number)
    return None
