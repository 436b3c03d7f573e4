"""The Hugging Face hub: what a repository holds, and one file of it, gone on with where it was broken off.

``hf_hub_download`` begins a file anew whenever it is called again, and cannot be stopped while hf_xet works. So files
are fetched by ``http_get``, which is what it uses itself without hf_xet, into a place of our own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, filter_repo_objects  # type: ignore[attr-defined]
from huggingface_hub.utils.sha import git_hash
from tqdm import tqdm

from studio.errors import StudioError, WeightsMissing

TIMEOUT_S = 20.0
_CHUNK = 2**22
_OFFLINE = "The hub could not be reached: see that this machine is online, then try again. What has come is kept."
_BROKEN = "What came of {} is not what the hub has: try again."


@dataclass(frozen=True)
class Piece:
    """One file of a repository."""

    path: str
    size: int
    """Bytes."""
    sha256: str = ""
    """Of large files; of the others the hub knows only git's hash."""
    git: str = ""


@dataclass(frozen=True)
class Listing:
    """The files that are wanted of a repository, as they were at one commit."""

    repo: str
    commit: str
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(piece.size for piece in self.pieces)


def listing(repo: str, wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> Listing:
    """The newest files of a repository that fit the patterns.

    Raises:
        StudioError: if the hub cannot be reached, does not know the repository, or wants to know who asks.
    """
    try:
        info = HfApi().model_info(repo, files_metadata=True, timeout=TIMEOUT_S)
    except (HTTPError, OSError) as error:
        raise _told(repo, error) from error
    found = {sibling.rfilename: sibling for sibling in info.siblings or () if _is_within(sibling.rfilename)}
    names = filter_repo_objects(sorted(found), allow_patterns=list(wanted), ignore_patterns=list(unwanted))
    pieces = tuple(
        Piece(name, it.size or 0, it.lfs.sha256 if it.lfs else "", it.blob_id or "")
        for name in names
        for it in [found[name]]
    )
    if not any(piece.path.endswith(".safetensors") for piece in pieces):
        raise StudioError(f"{repo} has no safetensors files any more: look at https://huggingface.co/{repo}.")
    return Listing(repo, info.sha or "main", pieces)


def fetch(found: Listing, piece: Piece, to: Path, tell: Callable[[int], None]) -> None:
    """Bring one file to ``to``, whole and checked, or not at all; what is there of it already (beside, as ``.part``) is
    not asked for again. ``tell`` hears the bytes there are; whatever it raises breaks it off.

    Raises:
        StudioError: if the hub does not give it, or gives something else.
        OSError: if it cannot be written.
    """
    part = to.with_name(to.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    there = part.stat().st_size if part.is_file() else 0
    if there > piece.size:
        part.unlink()
        there = 0
    try:
        with part.open("ab") as file:
            http_get(
                hf_hub_url(found.repo, piece.path, revision=found.commit),
                file,  # type: ignore[arg-type]
                resume_size=there,
                headers=build_hf_headers(),
                expected_size=piece.size,
                tqdm_class=bar(tell),
            )
            file.flush()
            os.fsync(file.fileno())
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise _told(found.repo, error) from error
    except OSError as error:
        if error.errno is not None:  # the disk's; else the library's own, of a size that is not the one the hub told
            raise
        part.unlink(missing_ok=True)
        raise StudioError(_BROKEN.format(piece.path)) from error
    _check(part, piece, tell)
    part.replace(to)


def bar(tell: Callable[[int], None]) -> Any:
    """A progress bar class as the hub's library takes it, which tells instead of drawing."""

    class Bar(tqdm):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*arguments, **(options | {"disable": False, "file": _Silence()}))

        def update(self, n: float | None = 1) -> bool | None:
            drawn = super().update(n)
            tell(int(self.n))
            return drawn

    return Bar


class _Silence:
    """A file that keeps nothing."""

    def write(self, _: str) -> None: ...

    def flush(self) -> None: ...


def _check(part: Path, piece: Piece, tell: Callable[[int], None]) -> None:
    """Compare a file with the hash the hub has of it; one that differs is thrown away."""
    right = part.stat().st_size == piece.size
    if right and piece.sha256:
        sha = hashlib.sha256()
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                tell(piece.size)  # so that it can be broken off here, too
                sha.update(chunk)
        right = sha.hexdigest() == piece.sha256
    elif right and piece.git:
        right = git_hash(part.read_bytes()) == piece.git
    if not right:
        part.unlink(missing_ok=True)
        raise StudioError(_BROKEN.format(piece.path))


def _told(repo: str, error: Exception) -> StudioError:
    """An error of the hub's library as a sentence."""
    page = f"https://huggingface.co/{repo}"
    if isinstance(error, GatedRepoError) or _status(error) in (401, 403):
        if not get_token():
            return WeightsMissing(
                f"The maker of {repo} wants to know who uses it: accept its terms at {page}, make a token at "
                "https://huggingface.co/settings/tokens, and start Stepwise with HF_TOKEN set to it."
            )
        return WeightsMissing(f"Your token may not fetch {repo}: accept its terms at {page}, then try again.")
    if isinstance(error, RepositoryNotFoundError):
        return StudioError(f"The hub has no {repo} any more: look at {page}.")
    if isinstance(error, OfflineModeIsEnabled):
        return StudioError("HF_HUB_OFFLINE is set, so nothing is downloaded: start Stepwise without it.")
    if isinstance(error, HfHubHTTPError):
        return StudioError(f"The hub answered {_status(error) or 'with an error'} for {repo}: try again later.")
    return StudioError(_OFFLINE)


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _is_within(path: str) -> bool:
    """Whether a repository's own path stays within the folder it is brought to."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path and ":" not in path
