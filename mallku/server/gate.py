"""What is looked at before any route sees a request: host, origin, key, rate, size. Nothing here waits."""

import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from mallku.server.errors import Refusal
from mallku.server.identity import new_id
from mallku.server.service import Service

OPEN_PATHS: Final = frozenset({"/health", "/docs", "/openapi.json"})
"""Paths that no key is asked for."""
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests have bodies."""
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_EXPOSED: Final = b"x-request-id, retry-after"
_READ: Final = frozenset(
    {
        b"host", b"origin", b"authorization", b"x-api-key", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
        b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest",
        b"access-control-request-method", b"access-control-request-headers", b"access-control-request-private-network",
    }
)  # fmt: skip
"""The headers that are looked at here."""

Headers = Mapping[bytes, str]
"""Headers by their names in lower case."""
Pair = tuple[bytes, bytes]
"""A header as it is sent."""


class Visit:
    """One request, from its arrival to its answer."""

    __slots__ = ("began", "extra", "request_id", "route", "status")

    def __init__(self, scope: Scope) -> None:
        self.began = time.perf_counter()
        """When it came, by `time.perf_counter`."""
        self.extra: list[Pair] = []
        """Headers that its answer gets beside its own."""
        self.route = ""
        """The route it takes, where that is known beforehand."""
        self.status = 0
        """The status of its answer; 0 before there is one."""
        self.request_id = new_id("req_")
        """Its id."""
        scope.setdefault("state", {})["request_id"] = self.request_id

    def own_headers(self) -> list[Pair]:
        """Return the headers that every answer gets."""
        spent = b"%d" % ((time.perf_counter() - self.began) * 1000)
        return [
            (b"x-request-id", self.request_id.encode()),
            (b"openai-processing-ms", spent),
            (b"x-content-type-options", b"nosniff"),
            *self.extra,
        ]


class Gate:
    """Lets requests in, or refuses them."""

    def __init__(self, service: Service) -> None:
        self._settings = service.settings
        self._keys = service.keys
        self._rate = service.rate
        self._hosts = frozenset(name.lower() for name in (*_LOOPBACK_NAMES, self._settings.host, *self._settings.allowed_hosts))

    def greet(self, scope: Scope, visit: Visit) -> Headers:
        """Look where a request comes from; returns the headers that are looked at. Raises `Refusal`."""
        headers = _read_head(scope, self._settings.max_header_bytes)
        self._check_host(headers, scope["http_version"])
        origin = headers.get(b"origin", "")
        self._check_origin(origin, headers)
        if origin and not _is_own(origin, headers):
            visit.extra += _cors(origin)
        return headers

    def admit(self, scope: Scope, headers: Headers) -> None:
        """Look who asks, how often, and what is announced; raises `Refusal`."""
        scope["state"]["caller"] = caller = self._caller(scope, headers)
        self._rate.take(caller)
        _check_body(scope, headers, self._settings.max_body_bytes)

    def check_size(self, size: int) -> None:
        """Refuse a body that has become too large."""
        if size > self._settings.max_body_bytes:
            raise _too_large(self._settings.max_body_bytes)

    def _check_host(self, headers: Headers, version: str) -> None:
        """Refuse names that are not ours: a foreign name that resolves to this address is DNS rebinding; a bare address cannot be."""
        host = headers.get(b"host")
        if host is None and version != "1.0":
            raise Refusal(400, "The request names no host. Send a `Host` header.", code="host_missing")
        name = _host_name(host or self._settings.host)
        if name in self._hosts or (not self._settings.is_loopback and _is_address(name)):
            return
        message = f"This server does not answer to the name {name!r}. Add it to allowed_hosts, or use the address."
        raise Refusal(403, message, code="host_not_allowed")

    def _check_origin(self, origin: str, headers: Headers) -> None:
        if not origin and b"sec-fetch-site" not in headers:
            return
        allowed = self._settings.allowed_origins
        if origin and (origin in allowed or "*" in allowed or _is_own(origin, headers)):
            return
        is_navigation = headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"
        if origin or (headers[b"sec-fetch-site"] in {"cross-site", "same-site"} and not is_navigation):
            message = f"Pages of {origin or 'another site'!r} may not call this server. Add the origin to allowed_origins to let them."
            raise Refusal(403, message, code="origin_not_allowed")

    def _caller(self, scope: Scope, headers: Headers) -> str:
        client = scope.get("client") or ("unknown", 0)
        if not self._keys.are_demanded or scope["path"] in OPEN_PATHS:
            return f"address {client[0]}"
        kind, _, presented = headers.get(b"authorization", "").partition(" ")
        key = presented.strip() if kind.lower() == "bearer" else headers.get(b"x-api-key", "")
        name = self._keys.name_of(key) if key else None
        if name is None:
            wrong = "The key is not valid." if key else "No key was given."
            message = f"{wrong} Send `Authorization: Bearer KEY` or `x-api-key: KEY`."
            raise Refusal(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
        return f"key {name}"


def _read_head(scope: Scope, most: int) -> Headers:
    """Return the headers that are looked at; refuses a head that is too large, and two hosts in one."""
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name in _READ:
            if name == b"host" and name in found:
                raise Refusal(400, "The request names two hosts. Send one `Host` header.", code="host_ambiguous")
            found.setdefault(name, value.decode("latin-1"))
    if size > most:
        raise Refusal(431, f"Request line and headers are larger than {most} bytes. Send less.", code="headers_too_large")
    return found


def _check_body(scope: Scope, headers: Headers, most: int) -> None:
    if scope["method"] not in BODY_METHODS:
        return
    length = headers.get(b"content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > most):  # noqa: PLR2004 - more digits than any number of bytes has
        raise _too_large(most)
    packed = headers.get(b"content-encoding", "identity").strip().lower()
    if packed not in {"", "identity"}:
        message = f"The body is packed as {packed!r}, which is not unpacked here. Send it as it is, without `Content-Encoding`."
        raise Refusal(415, message, code="unsupported_content_encoding", headers={"accept-encoding": "identity"})
    has_body = length not in {"", "0"} or b"transfer-encoding" in headers
    if has_body and scope["path"].startswith("/v1/"):
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            message = f"The body is {kind or 'of no declared type'!r}. Send JSON with `Content-Type: application/json`."
            raise Refusal(415, message, code="unsupported_media_type")


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"The request body is larger than {most} bytes. Send less.", code="request_too_large")


def _cors(origin: str) -> list[Pair]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"origin"),
        (b"access-control-expose-headers", _EXPOSED),
    ]


def _is_own(origin: str, headers: Headers) -> bool:
    return urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower() != ""


def _host_name(host: str) -> str:
    """Return the host without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
