"""Stable Diffusion 1.x, 2.x and XL: a UNet under CLIP."""

from studio.models.families.base import Family


class StableDiffusion(Family):
    """All three, and the embedded model, which has their architecture."""

    pipelines = ("StableDiffusion", "StableDiffusionXL", "LatentConsistencyModel")
    words_in_loop = ("prompt_embeds", "add_text_embeds")

    @property
    def sees_masks(self) -> bool:
        """Nine channels go into the UNet of a model made for inpainting."""
        return int(self.denoiser.config.in_channels) == 2 * self.channels + 1  # type: ignore[union-attr, arg-type]
