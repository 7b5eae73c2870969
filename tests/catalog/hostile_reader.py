"""Reads hostile model files in a process of its own whose memory and time the system limits; told by `test_hostile_headers`."""

import json
import random
import resource
import sys
from pathlib import Path

from mallku.catalog.model_file import model_facts
from mallku.errors import ModelFileError

MEMORY = 64 * 1024 * 1024


def mutated(whole: bytes, lot: random.Random) -> bytes:
    """Damage a header as disks, networks and enemies do: bytes flipped, numbers blown up, pieces moved, doubled or cut off."""
    data = bytearray(whole)
    for _ in range(lot.randint(1, 4)):
        at = lot.randrange(len(data)) if data else 0
        match lot.randrange(6):
            case 0:
                data[at : at + 1] = bytes([lot.randrange(256)])
            case 1:
                data[at : at + 8] = lot.choice([2**64 - 1, 2**63, 2**62, 2**40, 2**32 - 1, 2**31, 0]).to_bytes(8, "little")
            case 2:
                data[at : at + 4] = lot.choice([2**32 - 1, 2**31, 8, 9, 0]).to_bytes(4, "little")
            case 3:
                del data[at:]
            case 4:
                end = at + lot.randrange(400)
                data[at:at] = data[at:end]
            case _:
                del data[at : at + lot.randrange(16)]
    return bytes(data)


def read(path: Path) -> str:
    try:
        facts = model_facts(path)
    except ModelFileError as error:
        return error.message
    assert len(json.dumps(facts.card())) < 1024
    return ""


def main() -> None:
    folder, seed, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + MEMORY, here + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    told = {path.name: read(path) for path in sorted(folder.iterdir())}
    lot, refused = random.Random(seed), 0
    for path in sorted((folder / "whole").iterdir()):
        whole = path.read_bytes()
        for _ in range(rounds):
            damaged = folder / f"damaged{path.suffix}"
            damaged.write_bytes(mutated(whole, lot))
            refused += bool(read(damaged))
    sys.stdout.write(json.dumps({"told": told, "refused": refused}))


main()
