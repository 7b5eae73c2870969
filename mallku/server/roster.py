"""Which models are served, by name."""

import difflib
from collections.abc import Iterable

from mallku.server.backend import Backend
from mallku.server.errors import Refusal


class Roster:
    """The backends by their names, in order; the first one answers requests that name none, unless another is the default."""

    def __init__(self, backends: Iterable[Backend] = (), *, default: str = "") -> None:
        self._backends = {backend.card.id: backend for backend in backends}
        self._default = default

    @property
    def backends(self) -> list[Backend]:
        """All of them, in order."""
        return list(self._backends.values())

    @property
    def default(self) -> Backend | None:
        """The one that answers requests without a model name, or None if nothing is served."""
        return self._backends.get(self._default) or next(iter(self._backends.values()), None)

    def add(self, backend: Backend) -> None:
        """Serve one more."""
        self._backends[backend.card.id] = backend

    def find(self, name: str | None) -> Backend:
        """Return the backend of a name; raises `Refusal` 404 that names the near ones."""
        found = self._backends.get(name) if name else self.default
        if found is None and name == self._default:
            # other servers' settings name a model's file and, freely, the name clients know it by
            found = self.default
        if found is None:
            near = difflib.get_close_matches(name or "", self._backends, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "`GET /v1/models` lists those that are."
            raise Refusal(
                404,
                f"The model {name or ''!r} is not served here. {hint}",
                kind="invalid_request_error",
                code="model_not_found",
                param="model",
            )
        return found

    async def close(self) -> None:
        """Close all of them."""
        for backend in self._backends.values():
            await backend.close()
