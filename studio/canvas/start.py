"""What a run starts from instead of noise: its picture and mask at the size that is painted, and
the way back into the whole picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from studio.canvas import masks
from studio.canvas.fill import filled
from studio.canvas.geometry import Box, Size, crop_region
from studio.canvas.resize import LANCZOS, resized
from studio.errors import StudioError
from studio.request import GenerationRequest, Inpaint

MOVED = (
    "The steps until now show another part of the picture than this mask asks for: draw within that part, put back "
    "Whole picture or Only masked, or branch from before the first step."
)


@dataclass(frozen=True)
class Start:
    """The picture (RGB) that the model sees, and with a mask (L, white is painted anew) what
    finished pictures are put into."""

    picture: Image.Image
    mask: Image.Image | None = None
    whole: Image.Image | None = None
    """The picture that the painted part goes back into."""
    shown: Image.Image | None = None
    """How much of the painted part shows there (L)."""
    region: Box | None = None
    """Where in ``whole`` the painted part lies; all of it if None."""

    def finished(self, painted: Image.Image) -> Image.Image:
        """The whole picture with the painted part in its place; where nothing of it shows, pixel
        for pixel what was there."""
        if self.whole is None or self.shown is None:
            return painted
        if self.region is None:
            return Image.composite(painted, self.whole, self.shown)
        laid = self.whole.copy()
        laid.paste(painted.resize(self.region.size, LANCZOS), self.region.corners[:2])
        return Image.composite(laid, self.whole, self.shown)


def start_of(request: GenerationRequest, get: Callable[[str], Image.Image]) -> Start | None:
    """What a request starts from; None for noise. ``get`` gives the picture of a SHA-256.

    Raises:
        StudioError: if the mask is empty, none of it is painted, or it is not within what the steps show that the
            request shares with another.
        UnreadablePicture: from ``get``.
    """
    if not request.image:
        return None
    picture, size = get(request.image), (request.width, request.height)
    kept = _until_now(request, get)
    if request.inpaint is None:
        return Start(resized(picture, size, request.resize_mode))
    return _masked(picture, get(request.inpaint.mask).convert("L"), request.inpaint, size, request.resize_mode, kept)


def _until_now(request: GenerationRequest, get: Callable[[str], Image.Image]) -> Box | None:
    """The part of the picture that the steps show which the request shares with another; None for all of it, or where
    there are none."""
    branch = request.branch
    if branch is None or branch.at == 0:
        return None
    is_part, was_part = (each.inpaint is not None and each.inpaint.only_masked for each in (request, branch.request))
    if is_part != was_part:
        raise StudioError(MOVED)
    before = start_of(branch.request, get) if was_part else None
    return before.region if before is not None else None


def _masked(
    picture: Image.Image, mask: Image.Image, inpaint: Inpaint, size: Size, mode: str, kept: Box | None = None
) -> Start:
    """Whole pictures are brought to the painted size; of one whose masked part alone is painted a part is, which is
    ``kept`` where steps of it are there."""
    mask = mask.resize(picture.size, Image.Resampling.BILINEAR) if mask.size != picture.size else mask
    masks.masked_box(mask)
    if not inpaint.only_masked:
        picture, mask = resized(picture, size, mode), resized(mask, size, mode)
    if mask.getbbox() is None:
        raise StudioError(masks.CUT_OFF)
    soft = masks.softened(mask, inpaint.blur)
    box = masks.masked_box(soft)
    shown = masks.reveal(soft)
    region = kept or (crop_region(box, inpaint.padding, picture.size, size) if inpaint.only_masked else None)
    if region is not None and not region.holds(box):
        raise StudioError(MOVED)
    seen = filled(picture, masks.hard(shown)) if inpaint.content == "fill" else picture
    free = soft if inpaint.soft else masks.hard(shown)
    if free.getbbox() is None:
        raise StudioError(masks.FAINT)
    if region is not None:
        seen, free = (each.crop(region.corners).resize(size, LANCZOS) for each in (seen, free))
    return Start(seen, free, picture, shown, region)


def control_map(image: Image.Image, mode: str, request: GenerationRequest, start: Start | None) -> Image.Image:
    """A unit's control map as its ControlNet sees it: at the size that is painted, and of the
    same part of the picture."""
    size = (request.width, request.height)
    if start is None or start.region is None or start.whole is None:
        return resized(image, size, mode)
    return resized(image, start.whole.size, mode).crop(start.region.corners).resize(size, LANCZOS)
