"""Files from which prompts choose: ``animals/cats.txt`` is ``__animals/cats__``, a line for each choice."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from studio.errors import RequestRefused
from studio.prompting import alternatives
from studio.request import TEMPLATES, GenerationRequest

FOLDER = "wildcards"
MOST_FILES = 10_000
MOST_BYTES = 4 * 2**20
LONGEST_LINE = 8_000
NAMED = 12
"""How many names a refusal tells."""


class Wildcards:
    """The text files in some folders. Names are those of files found there, so that no name leads anywhere
    else; a file is read when a prompt names it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    @property
    def names(self) -> list[str]:
        """What prompts may name, in order."""
        return sorted(self._files())

    def lines(self, name: str) -> tuple[str, ...]:
        """The choices in the file of that name, whatever its case; empty lines and comments (#) left out.

        Raises:
            RequestRefused: if there is no such file, or nothing to choose in it.
        """
        return _lines(name, self._files())

    def chosen(self, request: GenerationRequest) -> GenerationRequest:
        """A resolved request with its prompts chosen by its seed; what was written is kept as its template.

        Raises:
            RequestRefused: if a prompt names what is not there, or goes round in a circle.
        """
        files = functools.cache(self._files)
        lines = functools.cache(lambda name: _lines(name, files()))
        told: dict[str, str] = {}
        for at, (field, template) in enumerate(TEMPLATES.items()):
            written = getattr(request, field)
            made = alternatives.chosen(written, len(TEMPLATES) * request.seed + at, lines)
            if made != written:
                told |= {field: made, template: written}
        return dataclasses.replace(request, **told) if told else request  # type: ignore[arg-type]

    def _files(self) -> dict[str, Path]:
        return {name: path for folder in reversed(self._folders) for name, path in _below(folder)}


def _lines(name: str, files: Mapping[str, Path]) -> tuple[str, ...]:
    path = files.get(name) or {known.lower(): path for known, path in files.items()}.get(name.lower())
    if path is None:
        known = ", ".join(sorted(files)[:NAMED]) + (" and more" if len(files) > NAMED else "")
        there = f"There are: {known}." if files else "There are none here."
        raise RequestRefused("prompt", f"There is no wildcard of the name {name!r}. {there}")
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        raise RequestRefused("prompt", f"The wildcard {name!r} could not be read.") from None
    found = tuple(line.strip()[:LONGEST_LINE] for line in text.splitlines())
    if not (choices := tuple(line for line in found if line and not line.startswith("#"))):
        raise RequestRefused("prompt", f"The wildcard {name!r} has no line to choose.")
    return choices


def folders(own: Path | None, outputs: Path, programs: Sequence[Path]) -> list[Path]:
    """Where they are looked for, the first first: a folder that was named, that of the outputs, and those that the
    web UI and ComfyUI have for them."""
    named = [own] if own is not None else []
    theirs = [program / FOLDER for program in programs]
    for program in programs:
        for extensions in ("extensions", "custom_nodes"):
            theirs += sorted((program / extensions).glob(f"*/{FOLDER}"))
    return [*named, outputs / FOLDER, *theirs]


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """The text files that lie in a folder, links that lead out of it left out, by their names."""
    root = folder.resolve()
    for path in itertools.islice(folder.rglob("*.txt"), MOST_FILES):
        if path.is_file() and path.resolve().is_relative_to(root):
            yield path.relative_to(folder).with_suffix("").as_posix(), path
