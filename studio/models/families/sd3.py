"""Stable Diffusion 3 and 3.5 (Esser et al. 2024, https://arxiv.org/abs/2403.03206)."""

from studio.models.families.flow import FlowFamily


class StableDiffusion3(FlowFamily):
    """A transformer under two CLIPs and T5."""

    pipelines = ("StableDiffusion3",)
    control = "SD3ControlNetModel"
    words_in_loop = ("prompt_embeds", "pooled_prompt_embeds")

    @property
    def multiple(self) -> int:
        """Its patches cover two latents."""
        return self.scale * int(self.denoiser.config.patch_size)  # type: ignore[union-attr, arg-type]
