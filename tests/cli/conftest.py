"""Running the command line: in this process where nothing else has to run, as a child where a server or a signal is involved."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from calling import SPEAKERS, Ended
from server_fixtures import random_model

from mallku.cli import main

__all__ = ["random_model"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.delitem(sys.modules, "speakers", raising=False)
    (tmp_path / "speakers.py").write_text(SPEAKERS)


@pytest.fixture
def call(capsys):
    """Call the command in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        told = capsys.readouterr()
        return Ended(ended.value.code, told.out, told.err)

    return run


@pytest.fixture
def child(tmp_path):
    """Start the command as a child process."""

    async def start(*arguments, **environment):
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mallku",
            *arguments,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    return start


@pytest.fixture
def run_child(child):
    """Run the command as a child process to its end."""

    async def run(*arguments, **environment):
        process = await child(*arguments, **environment)
        out, err = await process.communicate()
        return Ended(process.returncode, out.decode(), err.decode())

    return run
