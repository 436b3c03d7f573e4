"""What each person may have painted in a day, in pixels times steps (pure: the time is given)."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from dataclasses import dataclass

DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What the owner grants every other person. 0 means no limit."""

    waiting: int = 8
    """Runs of one person that may wait or be painted at once."""
    work_a_day: int = 512 * 512 * 30 * 500
    """Pixels times steps times pictures within any 24 hours: 500 pictures of 512 x 512 in 30 steps."""
    side: int = 1024
    """The longest side of a picture, in pixels."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or not 0 <= value <= 10**15:
                raise ValueError(f"{field.name} must be a whole number from 0 to 10^15.")


@dataclass(frozen=True)
class Charge:
    """Work that was taken from somebody's day."""

    number: int
    person: str
    amount: int
    at: float
    """When, in seconds."""


class Budget:
    """What everybody has had painted within the last 24 hours."""

    def __init__(self) -> None:
        self._charges: defaultdict[str, list[Charge]] = defaultdict(list)
        self._numbers = itertools.count()

    def used(self, person: str, now: float) -> int:
        """Work within the last 24 hours; never negative."""
        self._forget(person, now)
        return sum(charge.amount for charge in self._charges.get(person, ()))

    def charge(self, person: str, amount: int, now: float) -> Charge:
        """Take work from a person's day."""
        charge = Charge(next(self._numbers), person, max(amount, 0), now)
        self._charges[person].append(charge)
        return charge

    def settle(self, charge: Charge, painted: int) -> None:
        """Give back what was not painted; what is painted is never more than was taken."""
        charges = self._charges.get(charge.person, [])
        for index, each in enumerate(charges):
            if each.number == charge.number:
                charges[index] = dataclasses.replace(each, amount=min(max(painted, 0), each.amount))

    def room_in(self, person: str, amount: int, limit: int, now: float) -> float | None:
        """Seconds until ``amount`` fits into the day, 0 if it does now; None if it never does."""
        if not limit:
            return 0.0
        if amount > limit:
            return None
        used, wait = self.used(person, now), 0.0
        for charge in sorted(self._charges.get(person, ()), key=lambda charge: charge.at):
            if used + amount <= limit:
                break
            used -= charge.amount
            wait = charge.at + DAY_S - now
        return wait

    def _forget(self, person: str, now: float) -> None:
        kept = [charge for charge in self._charges.get(person, ()) if charge.at > now - DAY_S]
        if kept:
            self._charges[person] = kept
        else:
            self._charges.pop(person, None)
