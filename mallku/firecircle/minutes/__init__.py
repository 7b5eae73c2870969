"""Minutes: what a deliberation came to, for a reader who was not there, each claim linked to the turns it rests on."""

from mallku.firecircle.minutes.html import to_html
from mallku.firecircle.minutes.json_form import to_json
from mallku.firecircle.minutes.links import broken_links, unsupported_quotes
from mallku.firecircle.minutes.markdown import to_markdown
from mallku.firecircle.minutes.quotations import Quotation, verify_quotations
from mallku.firecircle.minutes.taking import take_minutes
from mallku.firecircle.minutes.values import Claim, Minutes

__all__ = [
    "Claim",
    "Minutes",
    "Quotation",
    "broken_links",
    "take_minutes",
    "to_html",
    "to_json",
    "to_markdown",
    "unsupported_quotes",
    "verify_quotations",
]
