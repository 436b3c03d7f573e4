"""Names of files as words of a prompt. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence


def word(name: str) -> re.Pattern[str]:
    """Finds a name where it is a word of its own, whatever its case."""
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)


def named_in(prompts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of the names that stand in a prompt."""
    return [name for name in names if any(word(name).search(prompt) for prompt in prompts)]
