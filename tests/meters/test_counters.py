"""Counters of energy: read from a tree as Linux shows it, and from a stand-in for NVIDIA's library."""

import os

import pytest

from mallku.meters import Absent, Nvml, Rapl, open_nvml, open_rapl


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def zone(root, name, label, joules, *, most=1000.0):
    place = root / name
    place.mkdir(parents=True)
    (place / "name").write_text(f"{label}\n")
    (place / "max_energy_range_uj").write_text(f"{int(most * 1e6)}\n")
    count(place, joules)
    return place


def count(place, joules):
    (place / "energy_uj").write_text(f"{int(joules * 1e6)}\n")


def test_packages_and_their_memory_count_and_what_contains_or_is_contained_does_not(tmp_path, clock):
    zones = [
        zone(tmp_path, "intel-rapl:0", "package-0", 10),
        zone(tmp_path, "intel-rapl:0:0", "core", 5),
        zone(tmp_path, "intel-rapl:0:1", "dram", 3),
        zone(tmp_path, "intel-rapl:1", "psys", 50),
    ]
    counter = open_rapl(tmp_path, clock)
    assert isinstance(counter, Rapl)
    for place, joules in zip(zones, (12, 6, 4, 90), strict=True):
        count(place, joules)
    assert counter.joules() == pytest.approx(3)


def test_a_counter_that_wraps_goes_on(tmp_path, clock):
    place = zone(tmp_path, "intel-rapl:0", "package-0", 990, most=1000)
    counter = open_rapl(tmp_path, clock)
    count(place, 7)
    assert counter.joules() == pytest.approx(17)
    count(place, 9)
    assert counter.joules() == pytest.approx(19)


def test_a_counter_that_may_have_wrapped_twice_unseen_is_lost_for_good(tmp_path, clock):
    place = zone(tmp_path, "intel-rapl:0", "package-0", 1, most=1000)
    counter = open_rapl(tmp_path, clock)
    clock.now += 2.0
    count(place, 3)
    assert counter.joules() is None
    assert counter.joules() is None


def test_a_counter_that_vanishes_is_lost(tmp_path, clock):
    place = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    counter = open_rapl(tmp_path, clock)
    (place / "energy_uj").unlink()
    assert counter.joules() is None


def test_a_machine_without_counters_says_so(tmp_path):
    absent = open_rapl(tmp_path / "powercap")
    assert isinstance(absent, Absent)
    assert "virtual machines and containers" in absent.reason


def test_a_counter_for_root_only_says_how_to_open_it(tmp_path, monkeypatch):
    place = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (place / "energy_uj").chmod(0)
    if os.access(place / "energy_uj", os.R_OK):
        # Root may read everything, so the refusal has to be played.
        from pathlib import Path

        read = Path.read_text

        def refuse(path, *given, **named):
            if path.name == "energy_uj":
                raise PermissionError(13, "Permission denied", str(path))
            return read(path, *given, **named)

        monkeypatch.setattr(Path, "read_text", refuse)
    absent = open_rapl(tmp_path)
    assert isinstance(absent, Absent)
    assert "root only" in absent.reason
    assert "chmod a+r" in absent.remedy


class NVMLError(Exception):
    pass


class Card:
    def __init__(self, millijoules=0, memory=()):
        self.millijoules = millijoules
        self.memory = memory


class Running:
    def __init__(self, pid, used):
        self.pid = pid
        self.usedGpuMemory = used


class Library:
    """Stands in for `pynvml`."""

    NVMLError = NVMLError

    def __init__(self, cards, *, driver=True, counts=True):
        self.cards, self.driver, self.counts, self.is_open = cards, driver, counts, False

    def nvmlInit(self):  # noqa: N802 - the library's own names
        if not self.driver:
            raise NVMLError("Driver Not Loaded")
        self.is_open = True

    def nvmlShutdown(self):  # noqa: N802
        self.is_open = False

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetTotalEnergyConsumption(self, card):  # noqa: N802
        if not self.counts:
            raise NVMLError("Not Supported")
        return card.millijoules

    def nvmlDeviceGetComputeRunningProcesses(self, card):  # noqa: N802
        return card.memory


def test_all_cards_count_from_the_opening_on():
    cards = [Card(5000), Card(70_000)]
    counter = open_nvml(Library(cards))
    assert isinstance(counter, Nvml)
    cards[0].millijoules += 1500
    cards[1].millijoules += 500
    assert counter.joules() == pytest.approx(2.0)


def test_a_short_window_on_a_card_is_less_certain():
    counter = open_nvml(Library([Card()]))
    assert counter.uncertainty(1.0) > counter.uncertainty(10.0) > 0


def test_a_driver_loaded_anew_makes_the_counter_lost():
    card = Card(9000)
    counter = open_nvml(Library([card]))
    card.millijoules = 100
    assert counter.joules() is None
    card.millijoules = 99_000
    assert counter.joules() is None


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (Library([], driver=False), "no NVIDIA driver"),
        (Library([]), "no accelerator"),
        (Library([Card()], counts=False), "energy counter"),
    ],
)
def test_without_driver_card_or_counter_nvml_is_absent_with_the_reason(library, reason):
    absent = open_nvml(library)
    assert isinstance(absent, Absent)
    assert reason in absent.reason
    assert not library.is_open


def test_memory_is_that_of_our_processes_and_unknown_where_the_driver_hides_it():
    counter = open_nvml(Library([Card(memory=[Running(1, 100), Running(2, 70)]), Card(memory=[Running(1, 30)])]))
    assert counter.memory_bytes(frozenset({1})) == 130
    assert counter.memory_bytes(frozenset({3})) is None
    hidden = open_nvml(Library([Card(memory=[Running(1, None)])]))
    assert hidden.memory_bytes(frozenset({1})) is None
