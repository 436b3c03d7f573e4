"""Whose turn it is: which of the runs in hand are painted in a round, and who may join them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

QUANTUM_S = 10.0
"""Engine time after which a run lets newer ones go first, as in multilevel feedback queues (Corbato et al.
1962, https://doi.org/10.1145/1460833.1460871): short runs are painted in one go, long ones in between."""
MOST_IN_HAND = 8
"""Runs in hand at most, in times of those painted at once: one that is not painted keeps its latents."""


@dataclass(frozen=True)
class InHand:
    """A run that the engine has begun: how long it was painted, and how long it stood aside since."""

    owner: str
    served_s: float = 0.0
    aside_s: float = 0.0

    @property
    def level(self) -> int:
        """0 for new ones. Standing aside brings a run back, so that none starves."""
        return int(max(0.0, self.served_s - self.aside_s) // QUANTUM_S)


def in_turn(hands: Sequence[InHand], slots: int) -> list[int]:
    """Which of the runs in hand, given in the order they began, are painted in the next round: first
    one of every owner's, then a second of every owner's, and among those the ones painted least."""
    seen: Counter[str] = Counter()
    standing = []
    for index, hand in enumerate(hands):
        standing.append((seen[hand.owner], hand.level, index))
        seen[hand.owner] += 1
    return sorted(index for *_, index in sorted(standing)[:slots])


def may_join(hands: Sequence[InHand], slots: int, owner: str) -> bool:
    """Whether a new run of that owner would be painted in the next round."""
    return len(hands) < MOST_IN_HAND * slots and len(hands) in in_turn([*hands, InHand(owner)], slots)
