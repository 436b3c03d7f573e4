"""Styles: ready words for prompts, in the web UI's ``styles.csv`` (``name,prompt,negative_prompt``).

Where a style's prompt holds ``{prompt}``, what is typed takes that place; else the style stands behind it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.errors import RequestRefused, StudioError, UnreadableStyles

FILE = "styles.csv"
PLACE = "{prompt}"
MOST_BYTES = 4 * 2**20
MOST_STYLES = 5_000
MOST_AT_ONCE = 16
NAMED = 12


@dataclass(frozen=True)
class Style:
    """One row of the file."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def read(path: Path) -> tuple[Style, ...]:
    """The styles of a file; rows without a name are left out.

    Raises:
        UnreadableStyles: if it is no such file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        columns = rows.fieldnames or []
        found = tuple(_style(row) for row in rows)
    except OSError as error:
        raise UnreadableStyles(f"{path.name} could not be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UnreadableStyles(f"{path.name} is no text in UTF-8: save it as that.") from None
    except csv.Error as error:
        raise UnreadableStyles(f"{path.name} is no table of styles: {error}.") from None
    if len(content) > MOST_BYTES or len(found) > MOST_STYLES:
        raise UnreadableStyles(f"{path.name} is too large: at most {MOST_STYLES:,} styles are read.")
    if "name" not in columns or not {"prompt", "text"} & {*columns}:
        raise UnreadableStyles(f"{path.name} is no table of styles: its first line reads name,prompt,negative_prompt.")
    return tuple(style for style in found if style.name)


def _style(row: dict[str, str]) -> Style:
    """``text`` is how older files of the web UI call the prompt."""
    prompt = row.get("prompt", row.get("text"))
    return Style((row.get("name") or "").strip(), prompt or "", row.get("negative_prompt") or "")


def applied(prompt: str, negative: str, styles: Iterable[Style]) -> tuple[str, str]:
    """Prompt and negative prompt with those styles, one after the other."""
    for style in styles:
        prompt, negative = _merged(style.prompt, prompt), _merged(style.negative_prompt, negative)
    return prompt, negative


def _merged(style: str, prompt: str) -> str:
    if PLACE in style:
        return style.replace(PLACE, prompt)
    return ", ".join(text for text in (prompt.strip(), style.strip()) if text)


class Styles:
    """Those of some files, read anew when one of them changes. Of two of one name the later file's counts."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._read: dict[Path, tuple[tuple[int, int], tuple[Style, ...], str]] = {}

    @property
    def named(self) -> dict[str, Style]:
        """Every style by its name, in the files' order."""
        return {style.name: style for path in self._files for style in self._of(path)[0]}

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each file that is there and cannot be read."""
        return tuple(problem for path in self._files if (problem := self._of(path)[1]))

    def applied(self, prompt: str, negative: str, names: Sequence[str]) -> tuple[str, str]:
        """Prompt and negative prompt with the styles of those names.

        Raises:
            RequestRefused: if there is none of a name, or there are too many.
        """
        if len(names) > MOST_AT_ONCE:
            raise RequestRefused("styles", f"At most {MOST_AT_ONCE} styles go together.")
        there = self.named if names else {}
        for name in names:
            if name not in there:
                known = ", ".join([*there][:NAMED]) + (" and more" if len(there) > NAMED else "")
                raise RequestRefused("styles", f"There is no style of the name {name!r}. There are: {known}.")
        return applied(prompt, negative, (there[name] for name in names))

    def _of(self, path: Path) -> tuple[tuple[Style, ...], str]:
        try:
            told = path.stat()
        except OSError:
            return (), ""
        stamp = told.st_size, told.st_mtime_ns
        if self._read.get(path, (None,))[0] != stamp:
            try:
                self._read[path] = (stamp, read(path), "")
            except StudioError as error:
                self._read[path] = (stamp, (), str(error))
        return self._read[path][1:]


def files(shipped: Path, programs: Sequence[Path], outputs: Path, own: Path | None) -> list[Path]:
    """Where they are looked for, the last one's names first."""
    theirs = [program / FILE for program in programs]
    return [shipped / FILE, *theirs, outputs / FILE, *([own] if own is not None else [])]
