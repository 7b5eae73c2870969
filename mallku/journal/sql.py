"""SQL texts, prepared once: making one anew costs more than the database needs to carry it out."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import TextClause


@cache
def sql(statement: str) -> "TextClause":
    """Return the statement as the database toolkit takes it."""
    from sqlalchemy import text

    return text(statement)
