"""A message: one entry of a chat prompt."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
"""Who a chat message is from, in the sense of the chat protocols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of a chat prompt. Its content is always one plain string."""

    role: Role
    """Whose part of the chat this is."""
    content: str
    """The text."""
