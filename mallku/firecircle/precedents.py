"""Precedents: what earlier circles decided on the matter, cited with the id under which the journal keeps them."""

from mallku.firecircle.deliberation import Deliberation
from mallku.firecircle.words import content_stems
from mallku.journal import Journal

_HITS = 60
_COMMON = 2


async def precedents(journal: Journal, question: str, *, most: int) -> str:
    """Return a paragraph of context that cites up to `most` earlier decisions, best match first; empty if there are none.

    A deliberation counts as a precedent if it came to an outcome and its question or outcome shares at least two
    content words with this question.
    """
    wanted = content_stems(question)
    if not wanted or most < 1:
        return ""
    hits = await journal.search(" ".join(sorted(wanted)), match="any", limit=_HITS)
    found: dict[str, int] = {}
    for hit in hits:
        outcome = hit.text if hit.source == "verdict" else ""
        common = len(wanted & content_stems(f"{hit.question} {outcome}"))
        found[hit.deliberation] = max(found.get(hit.deliberation, 0), common)
    lines: list[str] = []
    for deliberation, common in sorted(found.items(), key=lambda pair: -pair[1]):
        if common >= _COMMON and len(lines) < most:
            earlier = Deliberation.from_events(await journal.events(deliberation))
            verdict = earlier.verdict
            if verdict is not None and verdict.text:
                against = f", against {', '.join(verdict.dissent)}" if verdict.dissent else ""
                lines.append(
                    f"[{earlier.id}] asked: {earlier.question} Decided by {verdict.rule}{against}: {' '.join(verdict.text.split())}"
                )
    return "\n".join(["Earlier decisions on the matter, which may be followed or overturned:", *lines]) if lines else ""
