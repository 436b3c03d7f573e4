"""How much disk pictures may take, and what is said when it runs out (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from studio.gallery.pictures import LOCAL
from studio.settings import Settings

MB = 2**20
PUBLIC_MB = 20_480
NEARLY = 0.9
"""The share of a quota from which on it is said to run out."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Bytes; 0 where there is no limit."""

    total: int = 0
    each: int = 0
    """For every owner but the one who sits at this machine."""

    @classmethod
    def of(cls, settings: Settings) -> Quota:
        """As the settings say."""
        total = settings.quota_mb if settings.quota_mb is not None else PUBLIC_MB * settings.public
        return cls(total=total * MB, each=settings.quota_per_owner_mb * MB)

    def reached(self, owner: str, mine: int, all_owners: int) -> str:
        """A sentence that says what to do if an owner who takes so much has no more room; else empty."""
        each = self._each(owner)
        if each and mine > each:
            return f"Your pictures take all of your {_size(each)}: throw some away in the gallery, then paint again."
        if self.total and all_owners > self.total:
            return (
                f"The pictures of everybody take all of the {_size(self.total)} there are here: throw some away "
                "in the gallery, or start Stepwise with a larger --quota-mb."
            )
        return ""

    def gauge(self, owner: str, mine: int, all_owners: int) -> tuple[str, bool]:
        """What an owner's pictures take, as a sentence, and whether that is nearly too much."""
        each = self._each(owner)
        nearly = bool((each and mine > NEARLY * each) or (self.total and all_owners > NEARLY * self.total))
        of = f" of {_size(each)}" if each else f" of {_size(self.total)} for everybody" if self.total else ""
        used = mine if each or not self.total else all_owners
        return f"{_size(used)}{of}" + (": nearly full, throw some away soon" if nearly else ""), nearly

    def _each(self, owner: str) -> int:
        return 0 if owner == LOCAL else self.each


def _size(count: int) -> str:
    megabytes = count / MB
    if megabytes < 0.1:
        return f"{count / 1024:.0f} KB"
    if megabytes < 10:
        return f"{megabytes:.1f} MB"
    return f"{megabytes:,.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"
