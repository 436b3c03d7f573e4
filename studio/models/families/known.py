"""Every family there is. A new one is a file beside this one, a line here, and an entry in presets/fitting.json."""

from __future__ import annotations

from diffusers import DiffusionPipeline

from studio.errors import ModelUnavailable
from studio.models.families.audioldm2 import AudioLDM2
from studio.models.families.base import Family
from studio.models.families.chroma import Chroma
from studio.models.families.flux import Flux
from studio.models.families.flux2 import Flux2
from studio.models.families.flux_tools import FluxFill, FluxKontext
from studio.models.families.ltx import LTX
from studio.models.families.pixart import PixArt
from studio.models.families.qwen_image import QwenImage, QwenImageEdit
from studio.models.families.sana import Sana
from studio.models.families.sd3 import StableDiffusion3
from studio.models.families.stable_diffusion import StableDiffusion
from studio.models.families.wan import Wan
from studio.models.families.z_image import ZImage

FAMILIES: tuple[type[Family], ...] = (
    StableDiffusion,
    StableDiffusion3,
    Flux,
    FluxKontext,
    FluxFill,
    Flux2,
    Chroma,
    ZImage,
    QwenImage,
    QwenImageEdit,
    PixArt,
    Sana,
    Wan,
    LTX,
    AudioLDM2,
)


def family_of(pipeline: DiffusionPipeline, name: str) -> Family:
    """The family of a loaded pipeline: the one whose beginning of the class's name is the longest that fits.

    Raises:
        ModelUnavailable: if nobody has written one.
    """
    kind = type(pipeline).__name__
    fitting = [(len(start), one) for one in FAMILIES for start in one.pipelines if kind.startswith(start)]
    if not fitting:
        raise ModelUnavailable(f"{name!r} is a {kind}, which cannot be painted with yet.")
    return max(fitting, key=lambda found: found[0])[1](pipeline)
