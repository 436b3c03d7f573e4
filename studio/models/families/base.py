"""What differs from one family of models to the next. One file a family holds its ``Family``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    DiffusionPipeline,
    SchedulerMixin,
)
from torch import Tensor, nn

from studio.clips import Clip
from studio.diffusion.denoised import NoiseLevel
from studio.prompting.embeddings import Embedding
from studio.request import GenerationRequest

Task = Literal["text", "picture", "mask"]
"""What a pipeline paints from: noise, a picture, or picture and mask that the model sees."""
PIPELINES: dict[Task, Any] = {
    "text": AutoPipelineForText2Image,
    "picture": AutoPipelineForImage2Image,
    "mask": AutoPipelineForInpainting,
}


class Family:
    """The ways of one family, bound to a loaded pipeline. As it stands here it is that of a latent
    diffusion model with a UNet or a transformer on pictures' latents (N, C, h, w); a family's own
    class says only where it differs.

    "Sample" is a tensor as the pipeline's loop has it; "latents" are (N, C, h, w), as they are
    decoded, previewed and masked. Where both are the same, ``packed`` and ``unpacked`` do nothing.
    Films and sounds have latents of their own shapes; ``flat`` and ``decode`` show them as pictures.
    """

    pipelines: ClassVar[tuple[str, ...]] = ()
    """How the names of its diffusers pipelines begin."""
    words_in_loop: ClassVar[tuple[str, ...]] = ()
    """The embeddings that its pipelines' callbacks may change from step to step, by name, as many
    as there are pairs of them; none where the prompt cannot change."""

    control: ClassVar[str] = "ControlNetModel"
    """The class of the ControlNets that lead it; empty where there are none."""
    maps: ClassVar[str] = "image"
    """What its pipelines call a ControlNet's map when they start from noise; from a picture all say "control_image"."""
    classes: ClassVar[Mapping[Task, Any]] = {}
    """Its pipelines for tasks that diffusers' ``AutoPipeline`` has no entry for."""
    edits: ClassVar[bool] = False
    """Whether it looks at a picture while it paints from noise, rather than starting from it: it changes a
    picture as it is told. So says ``Fitting.edits``, too."""
    sized: ClassVar[bool] = False
    """Whether a pipeline that starts from a picture has to be told its size, too."""

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        self.pipeline = pipeline
        self.trained_as: Mapping[str, Any] = dict(pipeline.scheduler.config)
        """The configuration of the model's own scheduler."""

    @property
    def denoiser(self) -> nn.Module:
        """The module that is called at every step."""
        module: nn.Module = getattr(self.pipeline, "unet", None) or self.pipeline.transformer
        return module

    @property
    def vae(self) -> Any:
        """The autoencoder."""
        return self.pipeline.vae

    @property
    def scale(self) -> int:
        """How many pixels a latent covers on each side."""
        return int(self.pipeline.vae_scale_factor)

    @property
    def multiple(self) -> int:
        """What the sides of its pictures are multiples of, in pixels."""
        return self.scale

    @property
    def channels(self) -> int:
        """Channels of its latents."""
        return int(self.vae.config.latent_channels)

    @property
    def sees_masks(self) -> bool:
        """Whether it is made for inpainting: its denoiser gets mask and picture beside the latents."""
        return False

    def latent_shape(self, width: int, height: int) -> tuple[int, ...]:
        """The shape of the latents of one picture of that many pixels."""
        return (self.channels, height // self.scale, width // self.scale)

    def shape_of(self, request: GenerationRequest) -> tuple[int, ...]:
        """The shape of the latents of one picture, film or sound of a request."""
        return self.latent_shape(request.width, request.height)

    def size(self, request: GenerationRequest) -> dict[str, Any]:
        """The arguments that say how large it shall be."""
        return {"width": request.width, "height": request.height}

    def packed(self, latents: Tensor) -> Tensor:
        """A sample of latents."""
        return latents

    def beginning(self, latents: Tensor) -> Tensor:
        """Starting noise as the pipeline's call takes it: a sample, unless it packs that itself."""
        return self.packed(latents)

    def unpacked(self, sample: Tensor, width: int, height: int) -> Tensor:  # noqa: ARG002
        """The latents of a sample of pictures of that many pixels."""
        return sample

    def on_pipeline(self, scheduler: SchedulerMixin, task: Task, options: Mapping[str, Any]) -> DiffusionPipeline:
        """A pipeline object over the shared components, with further ``options`` such as ControlNets.

        Raises:
            ValueError: if diffusers has none for the task.
        """
        if task in self.classes:
            return _shared(self.classes[task], self.pipeline, scheduler=scheduler, **options)
        made: DiffusionPipeline = PIPELINES[task].from_pipe(self.pipeline, scheduler=scheduler, **options)
        return made

    def prompts(self, request: GenerationRequest) -> dict[str, Any]:
        """The arguments that carry the words, for every picture of the batch."""
        count = request.batch_size
        return {"prompt": [request.prompt] * count, "negative_prompt": [request.negative_prompt] * count}

    def reading(
        self,
        pipeline: DiffusionPipeline,
        request: GenerationRequest,  # noqa: ARG002
        embeddings: Sequence[Embedding] = (),  # noqa: ARG002
    ) -> Callable[..., Any]:
        """How a run's pipeline turns words into embeddings: its own way."""
        encode: Callable[..., Any] = pipeline.encode_prompt
        return encode

    @property
    def composes(self) -> bool:
        """Whether prompts may have parts joined by AND: its denoiser is asked without and with the prompt in
        one call. Elsewhere AND is a word."""
        return False

    @property
    def word_widths(self) -> tuple[int, ...]:
        """The width of the vectors that stand for words in each of its text encoders, where people may
        bring their own; none where they cannot."""
        return ()

    def guided(self, request: GenerationRequest) -> bool:
        """Whether its denoiser is asked without and with the prompt, and so twice the rows."""
        return request.cfg_scale > 1

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """The arguments that say how strongly the words lead."""
        return {"guidance_scale": request.cfg_scale}

    def further(self, request: GenerationRequest) -> dict[str, Any]:  # noqa: ARG002
        """What else its pipelines have to be told in a call."""
        return {}

    def strength(self, request: GenerationRequest) -> float:
        """The argument by which a pipeline that starts from a picture passes over ``request.skipped`` steps."""
        return request.strength

    def set_timesteps(self, scheduler: SchedulerMixin, request: GenerationRequest) -> None:
        """Set a scheduler's steps as the family's pipeline does in its call."""
        scheduler.set_timesteps(request.steps)

    def level(self, timestep: int) -> NoiseLevel:
        """Alpha and sigma after so many steps, 0 for a clean picture, of the noising it was trained with."""
        alphas = self.pipeline.scheduler.alphas_cumprod
        signal = float(alphas[min(timestep, len(alphas) - 1)]) if timestep > 0 else 1.0
        return NoiseLevel(signal**0.5, (1 - signal) ** 0.5)

    def answer(self, output: Any) -> Tensor:
        """The denoiser's answer as the scheduler gets it, before guidance; what it says beyond that, of further
        channels or tokens, is left out by who asks."""
        first: Tensor = output[0]
        return first

    def passed_over(self, module: nn.Module, arguments: Mapping[str, Any]) -> tuple[Any, ...]:
        """What the denoiser, or a ControlNet beside it, answers while steps are passed over: zeros of
        the right shape, or nothing that a denoiser which is passed over too would look at."""
        sample: Tensor = next(iter(arguments.values()))
        if module is not self.denoiser:
            return [], sample.new_zeros(1)
        return (sample.new_zeros(self.answer_shape(sample)),)

    def answer_shape(self, sample: Tensor) -> tuple[int, ...]:
        """The shape of the denoiser's answer to a sample."""
        channels = int(self.denoiser.config.out_channels)  # type: ignore[union-attr, arg-type]
        return (sample.shape[0], channels, *sample.shape[2:])

    def shifted(self) -> tuple[float, float]:
        """By what latents are divided, and what is added to that, before they are decoded."""
        config = self.vae.config
        return float(config.scaling_factor), float(getattr(config, "shift_factor", None) or 0.0)

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) from -1 to 1 of latents."""
        scaling, shift = self.shifted()
        pictures: Tensor = self.vae.decode(latents / scaling + shift if shift else latents / scaling).sample
        return pictures.float().clamp(-1, 1)

    def flat(self, latents: Tensor) -> Tensor:
        """Latents as (N, C, h, w) that lie as ``decode`` lays out its pictures."""
        return latents

    def finished(self, latents: Tensor, request: GenerationRequest) -> tuple[Tensor, Sequence[Clip]]:  # noqa: ARG002
        """The finished pictures (N, 3, H, W) from -1 to 1, and the films or sounds that they stand
        for, one each; none where they are what was asked for."""
        return self.decode(latents), ()

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures (N, 3, H, W) from -1 to 1."""
        encoded = self.vae.encode(pictures)
        found = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mean
        scaling, shift = self.shifted()
        latents: Tensor = (found.float() - shift) * scaling if shift else found.float() * scaling
        return latents


def _shared(kind: Any, pipeline: DiffusionPipeline, **given: Any) -> DiffusionPipeline:
    """A pipeline of that class over the components of another, which stay as they are: diffusers' own ``from_pipe``
    would cast them."""
    modules, options = kind._get_signature_keys(kind)
    shared = {name: part for name, part in pipeline.components.items() if name in modules}
    told = {name: pipeline.config[name] for name in options if name in pipeline.config}
    made: DiffusionPipeline = kind(**(shared | told | given))
    return made


def in_float(encode: Callable[..., Any]) -> Callable[..., Any]:
    """A pipeline's ``encode_prompt`` whose embeddings are fp32, so that latents, which take
    their precision from them, are too."""

    def encoded(*arguments: Any, **options: Any) -> Any:
        return as_float(encode(*arguments, **options))

    return encoded


def as_float(value: Any) -> Any:
    """Every floating-point tensor in a value in fp32."""
    if isinstance(value, Tensor):
        return value.to(torch.float32) if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(as_float(item) for item in value)
    return value
