"""The ControlNets in memory: loaded in the models' thread, the last few kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from torch import nn

from studio.models.behind import Behind
from studio.models.device import Placement
from studio.models.library import Library
from studio.models.loader import LoadedControl, load_control
from studio.models.shelf import Shelf
from studio.status import Status

MOST = 4
"""Kept when nothing is painted with them."""


class Controls:
    """ControlNets by name, for the engine's thread."""

    def __init__(self, library: Library, placement: Placement, status: Status, shelf: Shelf) -> None:
        self._library, self._placement, self._status = library, placement, status
        self._loaded: Behind[Path, LoadedControl] = shelf.behind(MOST, LoadedControl.close)

    def ready(self, name: str) -> bool:
        """Whether ``get`` would answer at once; if not, it is loaded behind.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        return self._loaded.ready(*self._found(name))

    def get(self, name: str) -> LoadedControl:
        """The ControlNet of that name; waits until it is loaded.

        Raises:
            ModelUnavailable: if it cannot be.
        """
        return self._loaded.get(*self._found(name))

    def settle(self, used: Collection[nn.Module]) -> None:
        """Let go of those that were not used for longest; those in use stay."""
        self._loaded.settle([one for one in self._loaded.held if one.module in used])

    def close(self) -> None:
        """Let go of all."""
        self._loaded.close()

    def _found(self, name: str) -> tuple[Path, Callable[[], LoadedControl]]:
        """Where it is, and how it is loaded."""
        path = self._library.control_folder(name)

        def load() -> LoadedControl:
            self._status.tell(f"loading {name}")
            try:
                return load_control(path, name, self._placement)
            finally:
                self._status.ready(str(self._placement))

        return path, load
