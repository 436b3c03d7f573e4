"""A run's own steps: in memory, or in a file from which they come back when they are asked for."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.timeline.record import RecordedStep


class Recording:
    """The steps in order. One thread appends, any may read."""

    def __init__(self) -> None:
        self.used = time.monotonic()
        """When it was last looked at."""
        self.made = 0
        """How many steps there ever were: what is forgotten was painted all the same."""
        self.when_back: Callable[[], None] = lambda: None
        """Called when the steps have come back from their file, and take memory again."""
        self._steps: list[RecordedStep] = []
        self._count = 0
        self._tensor_bytes = self._picture_bytes = 0
        self._counted_at = (0.0, 0)
        self._seen: set[int] = set()
        self._file: Path | None = None
        self._file_bytes = 0
        self._read: Callable[[Path], list[RecordedStep]] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def append(self, step: RecordedStep) -> None:
        """Keep one more step."""
        for tensor in step.tensors():
            if tensor.data_ptr() not in self._seen:
                self._seen.add(tensor.data_ptr())
                self._tensor_bytes += tensor.nbytes
        self._steps.append(step)
        self._count += 1
        self.made = max(self.made, self._count)

    @property
    def steps(self) -> list[RecordedStep]:
        """All of them, read back from their file if that is where they are."""
        self.used = time.monotonic()
        with self._lock:
            back = self._file is not None and self._read is not None
            if self._file is not None and self._read is not None:
                read = self._read(self._file)
                self._file.unlink(missing_ok=True)
                self._file, self._seen, self._count = None, set(), 0
                for step in read:
                    self.append(step)
            steps = list(self._steps)
        if back:
            self.when_back()
        return steps

    @property
    def newest(self) -> RecordedStep | None:
        """The last step, if it is in memory; reading it is no use of the recording."""
        return self._steps[-1] if self._steps else None

    @property
    def nbytes(self) -> int:
        """Bytes in memory: tensors that steps share counted once, and pictures."""
        if self._file is not None:
            return 0
        state = self.used, self._count
        if state != self._counted_at:  # pictures come when steps do, and when somebody looks
            self._counted_at = state
            self._picture_bytes = sum(len(each) for step in list(self._steps) for each in step.pictures.values())
        return self._tensor_bytes + self._picture_bytes

    @property
    def file_bytes(self) -> int:
        """Bytes of the file that the steps are in; 0 while they are in memory."""
        return self._file_bytes if self.on_disk else 0

    @property
    def on_disk(self) -> bool:
        """Whether the steps are in a file now."""
        return self._file is not None

    def spill(
        self,
        file: Path,
        write: Callable[[list[RecordedStep], Path], None],
        read: Callable[[Path], list[RecordedStep]],
    ) -> None:
        """Move the steps into a file.

        Raises:
            OSError: if it could not be written; then they stay in memory.
        """
        with self._lock:
            if self._file is None and self._steps:
                write(self._steps, file)
                self._file, self._read, self._file_bytes = file, read, file.stat().st_size
                self._steps, self._seen, self._tensor_bytes = [], set(), 0

    def forget(self) -> None:
        """Drop the steps for good."""
        with self._lock:
            if self._file is not None:
                self._file.unlink(missing_ok=True)
            self._steps, self._seen, self._tensor_bytes, self._count, self._file = [], set(), 0, 0, None
