"""The form in which a person at the terminal speaks and votes."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Final

from mallku.console.describe import seconds
from mallku.console.keyboard import Keyboard
from mallku.console.printable import printable
from mallku.console.theme import WIDEST
from mallku.dialogue.ballot_form import GRADES, MAX_SCORE, POSITIONS, read_ballot
from mallku.dialogue.prompt_layout import unescape
from mallku.dialogue.verdict import Ballot, BallotKind
from mallku.firecircle.adapters.human import HumanTurn

_TURN: Final = re.compile(r"</?turn>\n?")
_FRAME: Final = re.compile(r'<statement by="([^"]*)" in="([^"]*)"[^>]*>\n(.*?)\n</statement>\n', re.DOTALL)
_JSON_HINT: Final = re.compile(r"\s*Answer only with JSON: .*")
_FIELDS: Final[dict[str, BallotKind]] = {
    "choice": "choice",
    "approve": "approval",
    "ranking": "ranking",
    "scores": "scores",
    "grades": "grades",
    "position": "position",
}
_HOW_TO_WRITE: Final = "Write your statement; an empty line ends it. /edit opens your editor, /read shows what was said, /pass passes."
_HOW_TO_VOTE: Final[dict[BallotKind, str]] = {
    "choice": "Your vote, one label",
    "approval": "All labels you can accept, such as `A C`",
    "ranking": "Labels from best to worst, such as `B A C`",
    "scores": f"Points from 0 to {MAX_SCORE} for each label, such as `A 4 B 1`",
    "grades": f"A grade for each label, such as `A good, B poor`; grades are {', '.join(GRADES)}",
    "position": f"Your position: {', '.join(POSITIONS)}",
}


class HumanPrompt:
    """Asks the person at this terminal. Several seats of people are asked one after the other."""

    def __init__(self, keyboard: Keyboard, form: Callable[[], AbstractContextManager[None]], file: IO[str] | None = None) -> None:
        """Prepare the form.

        Args:
            keyboard: Where lines come from.
            form: Opens a block in which nothing else is drawn.
            file: Where the form is written; stderr if none is given, so that it never mixes with the view's output in a pipe.
        """
        self._keyboard = keyboard
        self._form = form
        self._file = file or sys.stderr
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, turn: HumanTurn) -> str | None:
        """Ask for a statement or a ballot; None means that the person passes."""
        async with self._one_at_a_time:
            with self._form(), self._keyboard.writing():
                try:
                    return await self._fill_in(turn)
                finally:
                    # whatever is drawn next begins on a line of its own
                    self._write("")

    async def _fill_in(self, turn: HumanTurn) -> str | None:
        head = f"--- your turn, {printable(turn.seat)} "
        self._write("\n" + head.ljust(self._width(), "-"))
        self._write(_JSON_HINT.sub("", self._asked(turn)))
        if turn.deadline_s is not None:
            self._write(f"You have {seconds(turn.deadline_s)}.")
        kind = next((_FIELDS[name] for name in (turn.schema or {}).get("properties", {}) if name in _FIELDS), None)
        if kind is not None:
            return await self._ballot(turn, kind)
        return await (self._floor(turn) if turn.schema else self._statement(turn))

    @staticmethod
    def _asked(turn: HumanTurn) -> str:
        own = turn.prompt.user[_turn_begins(turn) :]
        return printable(unescape(_TURN.sub("", own))).strip()

    async def _statement(self, turn: HumanTurn) -> str | None:
        self._write(f"\n{_HOW_TO_WRITE}")
        lines: list[str] = []
        while True:
            self._write("> ", end="")
            line = await self._keyboard.line()
            match line.strip() if line is not None else None:
                case None:
                    return "\n".join(lines).strip() or None
                case "/pass":
                    return None
                case "/read":
                    self._write(_read_aloud(turn.prompt.user[: _turn_begins(turn)]))
                case "/edit":
                    return await self._edited("\n".join(lines), turn)
                case "" if lines:
                    return "\n".join(lines).strip()
                case "":
                    self._write("Nothing is written yet; /pass passes.")
                case _:
                    lines.append(line or "")

    async def _edited(self, begun: str, turn: HumanTurn) -> str | None:
        """Let the person write in `$VISUAL` or `$EDITOR`; lines that begin with `#` are left out."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        asked = "\n".join(f"# {line}" for line in self._asked(turn).splitlines())
        with tempfile.TemporaryDirectory(prefix="mallku-") as folder:
            page = Path(folder) / "statement.txt"
            page.write_text(f"{begun}\n\n# Lines that begin with # are left out.\n{asked}\n", encoding="utf-8")
            try:
                process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(page))
            except OSError as error:
                self._write(f"The editor {editor!r} does not start: {error.strerror}. Set EDITOR, or write here.")
                return await self._statement(turn)
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.terminate()
            written = [line for line in page.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        return "\n".join(written).strip() or None

    async def _floor(self, turn: HumanTurn) -> str | None:
        """Ask for a bid for the floor, or for the next speaker."""
        properties = (turn.schema or {}).get("properties", {})
        while True:
            self._write("answer> ", end="")
            line = (await self._keyboard.line() or "").strip()
            if not line or line == "/pass":
                return None
            if "bid" in properties and line.isdigit() and int(line) <= properties["bid"].get("maximum", 0):
                return json.dumps({"reason": "", "bid": int(line)})
            names = properties.get("next", {}).get("enum", ())
            named = [name for name in names if name.lower() == line.lower()]
            if named:
                return json.dumps({"reason": "", "next": named[0]}, ensure_ascii=False)
            allowed = ", ".join(names) or f"0 to {properties.get('bid', {}).get('maximum', 0)}"
            self._write(f"Answer with one of: {printable(allowed)}.")

    async def _ballot(self, turn: HumanTurn, kind: BallotKind) -> str | None:
        labels = _labels((turn.schema or {})["properties"], kind)
        self._write(f"\n{_HOW_TO_VOTE[kind]}. /read shows what was said, /pass gives no vote.")
        while True:
            self._write("vote> ", end="")
            line = await self._keyboard.line()
            if line is None or line.strip() == "/pass":
                return None
            if line.strip() == "/read":
                self._write(_read_aloud(turn.prompt.user[: _turn_begins(turn)]))
                continue
            filled = _filled(kind, line, labels)
            needs_reason = filled.get("position") == "block"
            read = read_ballot(kind, labels, turn.seat, json.dumps({"reason": "given below", **filled}))
            if not isinstance(read, Ballot):
                self._write(f"That cannot be counted: {read.reason}.")
                continue
            reason = await self._reason(needed=needs_reason)
            return json.dumps({"reason": reason, **filled}, ensure_ascii=False)

    async def _reason(self, *, needed: bool) -> str:
        while True:
            self._write("reason> ", end="")
            reason = (await self._keyboard.line() or "").strip()
            if reason or not needed:
                return reason
            self._write("A block must give its reason.")

    def _write(self, text: str, end: str = "\n") -> None:
        lines = [textwrap.fill(line, self._width(), replace_whitespace=False, drop_whitespace=False) for line in text.split("\n")]
        self._file.write("\n".join(lines) + end)
        self._file.flush()

    @staticmethod
    def _width() -> int:
        return min(WIDEST, shutil.get_terminal_size().columns)


def _turn_begins(turn: HumanTurn) -> int:
    """Return where the statements end and the seat's own task begins; no statement can imitate that mark."""
    place = turn.prompt.user.rfind("<turn>")
    return place if place >= 0 else turn.prompt.shared_chars


def _read_aloud(shared: str) -> str:
    said = [f"{by} ({kind}): {unescape(text)}" for by, kind, text in _FRAME.findall(shared)]
    return printable("\n\n".join(said)) or "Nothing was said yet that you may read."


def _labels(properties: dict[str, Any], kind: BallotKind) -> Sequence[str]:
    match kind:
        case "choice":
            return list(properties["choice"]["enum"])
        case "approval":
            return list(properties["approve"]["items"]["enum"])
        case "ranking":
            return list(properties["ranking"]["items"]["enum"])
        case "scores" | "grades":
            return list(properties[kind]["properties"])
        case "position":
            return ("A",)


def _filled(kind: BallotKind, line: str, labels: Sequence[str]) -> dict[str, Any]:
    """Return the ballot's field as the line has it; whether it is valid is judged elsewhere."""
    words = re.findall(r"[^\s,;:>=]+", line)
    upper = [word.upper() for word in words]
    match kind:
        case "choice":
            return {"choice": line.strip().upper()}
        case "approval":
            return {"approve": upper}
        case "ranking":
            return {"ranking": upper}
        case "scores":
            pairs = zip(upper[::2], words[1::2], strict=False)
            return {"scores": {label: float(points) if points.replace(".", "", 1).isdigit() else points for label, points in pairs}}
        case "grades":
            return {"grades": _grades(line, labels)}
        case "position":
            near = [position for position in POSITIONS if position.startswith(line.strip().lower())]
            return {"position": near[0] if line.strip() and len(near) == 1 else line.strip().lower()}


def _grades(line: str, labels: Sequence[str]) -> dict[str, str]:
    spots = [
        (match.start(), match[1].upper()) for match in re.finditer(r"(?:^|[\s,;])([A-Za-z])(?=[\s:=])", line) if match[1].upper() in labels
    ]
    ends = [start for start, _ in spots[1:]] + [len(line)]
    return {label: line[start:end].strip(" ,;")[1:].strip(" :=").lower() for (start, label), end in zip(spots, ends, strict=True)}
