"""Detectors that other packages bring: found through the entry point group `mallku.detectors`."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from mallku.detectors.detector import Detector
from mallku.errors import ConfigurationError

GROUP = "mallku.detectors"
"""Entry points of this group name a callable without arguments that returns a detector."""


def installed_detectors() -> tuple[Detector, ...]:
    """Return the detectors of all installed packages, in the order of their entry point names.

    Raises:
        ConfigurationError: an entry point cannot be loaded, or does not give a detector.
    """
    return tuple(_loaded(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name))


def _loaded(point: EntryPoint) -> Detector:
    where = f"entry point {point.name!r} of package {point.dist.name if point.dist else 'unknown'!r}"
    try:
        make: Callable[[], Detector] = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The detector of {where} does not load: {error}.",
            hint="Repair that package, or build the panel without plug-ins.",
        ) from error
    detector = make()
    if not isinstance(detector, Detector):
        raise ConfigurationError(
            f"The {where} gave {type(detector).__name__!r}, which is no detector.",
            hint="It must return an object with a `dimension` and a method `judge(turn)`.",
        )
    return detector
