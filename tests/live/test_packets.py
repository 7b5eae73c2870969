"""A packet capture of a whole deliberation shows loopback, and nothing else."""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEW_NETWORK = ("unshare", "--map-root-user", "--net")


def can_be_watched():
    """Whether this system gives us a network of our own, in which all packets can be read."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    probe = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 768)"
    return subprocess.run([*NEW_NETWORK, sys.executable, "-c", probe], capture_output=True, check=False).returncode == 0


@pytest.mark.live
@pytest.mark.skipif(not can_be_watched(), reason="needs Linux with `unshare`, `ip` and the right to make a network")
def test_no_packet_of_a_deliberation_goes_anywhere_but_to_this_machine(tmp_path):
    paths = [str(ROOT), str(ROOT / "tests" / "support")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [*NEW_NETWORK, sys.executable, str(Path(__file__).with_name("captured_run.py")), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads((tmp_path / "captured.json").read_text())
    outside = [pair for pair in told["seen"] if not all(ipaddress.ip_address(address).is_loopback for address in pair)]

    assert told["control"]
    assert (told["status"], told["stayed"], told["doctor"]) == ("complete", True, 0)
    assert told["packets"] > 100
    assert outside == []
