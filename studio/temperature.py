"""How hot the machine is."""

import psutil


def hottest() -> float | None:
    """The hottest sensor in degrees Celsius, where the machine tells."""
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    return max((each.current for group in sensors.values() for each in group if each.current), default=None)
