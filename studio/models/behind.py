"""Parts that are read in a thread behind what is being painted: autoencoders and ControlNets of a person's own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Behind(Generic[K, T]):
    """Parts by key, for the engine's thread. The last ``most`` that were used stay, and those that are in
    use; ``let_go`` hears of each of the others. ``wake`` is called when one is read."""

    def __init__(self, pool: Executor, wake: Callable[[], None], most: int, let_go: Callable[[T], None]) -> None:
        self._pool, self._wake, self._most, self._let_go = pool, wake, most, let_go
        self._held: OrderedDict[K, T] = OrderedDict()
        self._coming: dict[K, Future[T]] = {}

    @property
    def held(self) -> list[T]:
        """What is here, the one used longest ago first."""
        return list(self._held.values())

    def ready(self, key: K, read: Callable[[], T]) -> bool:
        """Whether ``get`` would answer at once; if not, it is read behind."""
        if key in self._held:
            return True
        if key not in self._coming:
            self._coming[key] = self._pool.submit(read)
            self._coming[key].add_done_callback(lambda _: self._wake())
        return self._coming[key].done()

    def get(self, key: K, read: Callable[[], T]) -> T:
        """The part; waits until it is read. Raises what ``read`` does."""
        if not self.ready(key, read) or key in self._coming:
            self._held[key] = self._coming.pop(key).result()
        self._held.move_to_end(key)
        return self._held[key]

    def settle(self, used: Collection[T] = ()) -> None:
        """Let go of those that were not used for longest, also of what nobody came for."""
        self._collect()
        spare = [key for key, part in self._held.items() if part not in used]
        for key in spare[: max(len(self._held) - self._most, 0)]:
            self._let_go(self._held.pop(key))

    def _collect(self) -> None:
        for key, part in list(self._coming.items()):
            if part.done() and not part.cancelled() and part.exception() is None:
                self._held[key] = self._coming.pop(key).result()

    def close(self) -> None:
        """Let go of everything."""
        self._collect()
        for key in list(self._held):
            self._let_go(self._held.pop(key))
