"""A picture of a step as one goes on with it: at full size, and with what a mask keeps in its place."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from studio.canvas.start import start_of
from studio.diffusion.preview import to_pictures
from studio.run import Run


def whole_picture(run: Run, index: int, get: Callable[[str], Image.Image]) -> Image.Image:
    """RGB, the first of several: of the last step what was finished, if its file is still there; of the others what
    the model predicts. ``get`` gives the picture of a SHA-256.

    Raises:
        StudioError: if a picture that the run started from is not here any more.
    """
    steps = run.steps
    if run.succeeded and index == len(steps) - 1 and run.result.paths and run.result.paths[0].is_file():
        with Image.open(run.result.paths[0], formats=["PNG"]) as finished:
            return finished.convert("RGB")
    predicted = to_pictures(steps[index].decode(steps[index].denoised[:1]))[0]
    start = start_of(run.painter(index).request, get)
    return predicted if start is None else start.finished(predicted)
