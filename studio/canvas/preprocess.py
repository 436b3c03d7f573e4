"""Control maps taken from pictures, by controlnet-aux; it loads all of its models' code at once,
so it is imported when first needed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from PIL import Image, ImageOps

from studio.errors import StudioError, WeightsMissing
from studio.limits import Limits
from studio.models.hub import bar
from studio.presets import PREPROCESSORS, Preprocessor

Told = Callable[[int, int], None]
"""Is told the bytes that are there and the bytes there will be."""
GRAIN = 64
"""Detectors work on sides that are multiples of this."""
LARGEST = Limits().side
"""Px of the longer side at which they are looked for: one layer of a network on 8,000 would take 16 GB."""
OFFLINE = (
    "The hub could not be reached: see that this machine is online, or choose a preprocessor that needs no weights."
)
_ONE_AT_A_TIME = threading.Lock()


def control_map(name: str, picture: Image.Image) -> Image.Image:
    """The map that a preprocessor takes from a picture (RGB), at the picture's size, looked for
    at its own resolution, or at that of the largest picture that is painted, where it is larger.

    Raises:
        KeyError: for an unknown preprocessor.
        WeightsMissing: if it needs weights that are not here: ``download`` them.
    """
    preprocessor = PREPROCESSORS[name]
    if not preprocessor.detector:
        return ImageOps.invert(picture) if name.startswith("Invert") else picture
    if not is_ready(name):
        raise WeightsMissing(f"{name} needs weights from {preprocessor.repo} that are not here yet: download them.")
    seen = picture.copy()
    seen.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    side = max(round(min(seen.size) / GRAIN) * GRAIN, GRAIN)
    sizes = {"detect_resolution": side}
    if preprocessor.detector != "LineartStandardDetector":  # the one that has no other size to answer in
        sizes["image_resolution"] = side
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own imports, and pictures without a line
        made = _detector(name)(seen, output_type="pil", **sizes, **preprocessor.options)
    return made.convert("RGB").resize(picture.size, Image.Resampling.LANCZOS)


def is_ready(name: str) -> bool:
    """Whether a preprocessor has the weights it needs."""
    preprocessor = PREPROCESSORS[name]
    return all(isinstance(try_to_load_from_cache(preprocessor.repo, file), str) for file in preprocessor.files)


def missing_bytes(name: str) -> int:
    """How much there is to download before a preprocessor can work; asks the hub.

    Raises:
        StudioError: if the hub cannot be reached.
    """
    return sum(told.file_size for told in _dry_run(PREPROCESSORS[name]) if told.will_download)


def download(name: str, tell: Told) -> None:
    """Fetch a preprocessor's weights into the Hugging Face cache; one that was broken off goes on
    where it was. Whatever ``tell`` raises breaks it off.

    Raises:
        StudioError: if the hub cannot be reached.
    """
    preprocessor = PREPROCESSORS[name]
    total, before = missing_bytes(name), 0
    for file in _dry_run(preprocessor):
        if file.will_download:
            _fetch(preprocessor.repo, file.filename, bar(partial(_tell_on, tell, before, total)))
            before += file.file_size


def _tell_on(tell: Told, before: int, total: int, done: int) -> None:
    tell(before + done, total)


def _dry_run(preprocessor: Preprocessor) -> list[Any]:
    return [_fetch(preprocessor.repo, file, None, dry_run=True) for file in preprocessor.files]


def _fetch(repo: str, file: str, bar: Any, **options: Any) -> Any:
    try:
        return hf_hub_download(repo, file, tqdm_class=bar, **options)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise StudioError(OFFLINE) from error


@lru_cache(maxsize=2)
def _detector(name: str) -> Any:
    import controlnet_aux  # here, since it takes seconds

    preprocessor = PREPROCESSORS[name]
    kind = getattr(controlnet_aux, preprocessor.detector)
    if not preprocessor.files:
        return kind()
    file = try_to_load_from_cache(preprocessor.repo, preprocessor.files[0])
    folder = Path(str(file)).parents[preprocessor.files[0].count("/")]
    from studio.models.making import making  # here, since it loads PyTorch

    with making():
        return kind.from_pretrained(folder, **preprocessor.loading)
