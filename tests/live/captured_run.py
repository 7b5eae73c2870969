"""Runs a deliberation in a network of its own, from which every packet to anywhere can be seen; told by `test_packets.py`.

The network has one interface, loopback, and its route to the whole world leads there too: what is meant for outside does not leave, and
does not go unseen either.
"""

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from real_servers import llama_server

from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter
from mallku.firecircle.adapters.spec import participant_from_spec
from mallku.tiny import rehearsal_model_path

IPV4, IPV6, EVERYTHING = 0x0800, 0x86DD, 3
OUTSIDE = "10.99.99.99"


class Capture:
    """Keeps where every packet came from and went, by protocol."""

    def __init__(self):
        self.seen = set()
        self.count = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            packet, (_, kind, *_) = self._socket.recvfrom(65_535)
            self.count += 1
            if kind == IPV4:
                self.seen.add((socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20])))
            elif kind == IPV6:
                self.seen.add((socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40])))
            else:
                self.seen.add((f"protocol {kind:#06x}", "?"))


async def deliberate(url, folder):
    """A circle with two seats behind a server and one in this process, its record in a file."""
    async with FireCircle(journal=folder / "j.db", seed=3) as circle:
        circle.add_participant(LocalAIAdapter(LocalAdapterConfig(base_url=url, max_tokens=64)), name="Ada")
        circle.add_participant(
            LocalAIAdapter(LocalAdapterConfig(base_url=url.replace("127.0.0.1", "localhost"), max_tokens=64)), name="Ben"
        )
        circle.add_participant(participant_from_spec("tiny", tiny=rehearsal_model_path(), max_tokens=64, threads=1), name="Cho")
        result = await circle.deliberate("Should we share the water of the spring?", options=["yes", "no"])
    return result.status, "No statement left this machine." in str(result)


def main():
    folder = Path(sys.argv[1])
    for command in ("link set lo up", "route add default dev lo src 127.0.0.1", "-6 route add default dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    capture = Capture()
    with llama_server(rehearsal_model_path(), n_ctx=8192, n_parallel=2) as url:
        status, stayed = asyncio.run(deliberate(url, folder))
        doctor = [sys.executable, "-m", "mallku", "doctor", url]
        examined = subprocess.run(doctor, capture_output=True, check=False, env={**os.environ, "HOME": str(folder)})
    time.sleep(0.2)
    packets, seen = capture.count, set(capture.seen)
    # what would have been seen if anything had tried to leave
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(struct.pack(">H", 1), (OUTSIDE, 53))
    time.sleep(0.2)
    told = {
        "status": status,
        "stayed": stayed,
        "packets": packets,
        "seen": sorted(seen),
        "control": any(OUTSIDE in pair for pair in capture.seen),
        "doctor": examined.returncode,
    }
    (folder / "captured.json").write_text(json.dumps(told))


main()
