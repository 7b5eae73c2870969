"""The templates that come with mallku: whole circle files for common purposes."""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import TYPE_CHECKING

from mallku.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mallku.assembly.config import CircleFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A circle file that comes with mallku."""

    name: str
    """Name by which it is asked for."""
    description: str
    """What it is for, in a sentence."""
    text: str
    """The file."""

    @property
    def circle(self) -> "CircleFile":
        """The file, read and checked."""
        from mallku.assembly.config import parse_circle

        return parse_circle(self.text, name=f"template {self.name}")


def templates() -> tuple[Template, ...]:
    """Return all templates by name."""
    return tuple(sorted((_read(file) for file in _folder().iterdir() if file.name.endswith(".toml")), key=lambda one: one.name))


def template(name: str) -> Template:
    """Return the template of this name, or raise `ConfigurationError` naming the near ones."""
    known = templates()
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    for one in known:
        if one.name == wanted:
            return one
    names = [one.name for one in known]
    near = get_close_matches(wanted, names, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigurationError(f"There is no template {name!r}.", hint=f"{meant}There are {', '.join(names)}.")


def _folder() -> "Traversable":
    return files("mallku.firecircle").joinpath("templates")


def _read(file: "Traversable") -> Template:
    text = file.read_text(encoding="utf-8")
    first = text.split("\n", 1)[0].lstrip("# ").strip()
    return Template(name=file.name.removesuffix(".toml"), description=first, text=text)
