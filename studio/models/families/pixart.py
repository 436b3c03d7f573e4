"""PixArt-Sigma (Chen et al. 2024, https://arxiv.org/abs/2403.04692): a small transformer under T5."""

from typing import Any

from studio.models.families.base import Family
from studio.request import GenerationRequest


class PixArt(Family):
    """It predicts the noise's deviation as well, in further channels, which nobody asks for."""

    pipelines = ("PixArtSigma",)
    control = ""

    @property
    def multiple(self) -> int:
        """Its patches cover two latents."""
        return self.scale * int(self.denoiser.config.patch_size)  # type: ignore[union-attr, arg-type]

    def further(self, request: GenerationRequest) -> dict[str, Any]:  # noqa: ARG002
        """The size and the words that were asked for, rather than those nearest to its training pictures."""
        return {"use_resolution_binning": False, "clean_caption": False}
