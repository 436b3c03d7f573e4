"""Stable Diffusion 1.x, 2.x and XL: a UNet under CLIP."""

from collections.abc import Callable, Sequence
from typing import Any

from diffusers import DiffusionPipeline

from studio.models.families.base import Family
from studio.prompting import encode
from studio.prompting.embeddings import Embedding
from studio.request import GenerationRequest


class StableDiffusion(Family):
    """All three, and the embedded model, which has their architecture."""

    pipelines = ("StableDiffusion", "StableDiffusionXL", "LatentConsistencyModel")
    words_in_loop = ("prompt_embeds", "add_text_embeds")

    @property
    def sees_masks(self) -> bool:
        """Nine channels go into the UNet of a model made for inpainting."""
        return int(self.denoiser.config.in_channels) == 2 * self.channels + 1  # type: ignore[union-attr, arg-type]

    def reading(
        self, pipeline: DiffusionPipeline, request: GenerationRequest, embeddings: Sequence[Embedding] = ()
    ) -> Callable[..., Any]:
        """With attention weights, BREAK, textual inversions, and as many chunks as the prompt is long."""
        return encode.reading(pipeline, request.clip_skip, embeddings)

    @property
    def composes(self) -> bool:
        return not self._told_guidance

    def guided(self, request: GenerationRequest) -> bool:
        """But not those that are told how strongly they are guided, and so are asked once."""
        return super().guided(request) and not self._told_guidance

    @property
    def _told_guidance(self) -> bool:
        return getattr(self.denoiser.config, "time_cond_proj_dim", None) is not None

    @property
    def word_widths(self) -> tuple[int, ...]:
        """Of its one or two CLIPs."""
        encoders = (getattr(self.pipeline, name, None) for name in ("text_encoder", "text_encoder_2"))
        return tuple(int(encoder.config.hidden_size) for encoder in encoders if encoder is not None)
