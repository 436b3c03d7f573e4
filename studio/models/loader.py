"""Loading a model, and what a loaded one offers to a run."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor, nn

from studio.diffusion.linear_preview import LinearPreview, fit
from studio.diffusion.seams import ModelCall, ModelSeam
from studio.errors import ModelUnavailable
from studio.models.device import Placement

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

_LOADING = threading.Lock()
"""Libraries make models without memory for their weights by patching PyTorch for the whole
process, so two of them must not be made at once, in two studios say."""


class LoadedModel:
    """A pipeline's components on their device, with the model seam in place.

    ``close`` takes the seam out again. Not thread-safe: only the engine's thread uses it.
    """

    def __init__(self, name: str, fingerprint: str, pipeline: DiffusionPipeline, placement: Placement) -> None:
        self.name, self.fingerprint, self.placement = name, fingerprint, placement
        self._kind = type(pipeline)
        self._components: dict[str, Any] = dict(pipeline.components)
        self.denoiser: nn.Module = self._components["unet"]
        self.vae: nn.Module = self._components["vae"]
        self.tokenizer: Any = self._components["tokenizer"]
        self.alphas_cumprod: Tensor = pipeline.scheduler.alphas_cumprod
        """Share of signal, squared, at each timestep the model was trained on."""
        self.trained_as: dict[str, Any] = dict(pipeline.scheduler.config)
        self.linear_preview: LinearPreview = fit(self.decode, self.encode)
        self._seam = ModelSeam(self.denoiser)

    @property
    def device(self) -> torch.device:
        """Where latents live."""
        return self.placement.device

    @property
    def scale(self) -> int:
        """How many pixels a latent covers on each side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))  # type: ignore[union-attr, arg-type]

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, height and width of the latents of one picture of that many pixels."""
        channels = int(self.denoiser.config.in_channels)  # type: ignore[union-attr, arg-type]
        return (channels, height // self.scale, width // self.scale)

    def pipeline_for(self, scheduler: SchedulerMixin, from_picture: bool = False) -> DiffusionPipeline:
        """A pipeline object of its own for one run, over the shared components; the one that
        starts from a picture, where that is asked for."""
        kind = diffusers.StableDiffusionImg2ImgPipeline if from_picture else self._kind
        pipeline = kind(**(self._components | {"scheduler": scheduler}), requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) from -1 to 1 of latents (N, C, h, w) as the sampler has them."""
        pictures: Tensor = self.vae.decode(latents.to(self.device) / self.vae.config.scaling_factor).sample  # type: ignore[union-attr, operator]
        return pictures.float().clamp(-1, 1)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (N, C, h, w) of pictures (N, 3, H, W) from -1 to 1."""
        encoded = self.vae.encode(pictures.to(self.device))  # type: ignore[operator]
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mean
        scaled: Tensor = latents.float() * self.vae.config.scaling_factor  # type: ignore[union-attr]
        return scaled

    def preprocess(self, picture: Image.Image) -> Tensor:
        """An RGB picture, its sides cut to multiples of 8, as (1, 3, H, W) from -1 to 1."""
        pixels: Tensor = VaeImageProcessor(vae_scale_factor=self.scale).preprocess(picture)
        return pixels

    def encode_picture(self, picture: Image.Image) -> Tensor:
        """Latents (1, C, h, w) of an RGB picture."""
        return self.encode(self.preprocess(picture))

    @torch.no_grad()
    def compute(self, call: ModelCall, arguments: dict[str, Any]) -> Any:
        """The denoiser's own forward. Where it works in half precision its arguments are cast
        here and its answer is cast back, so that latents and samplers stay in fp32."""
        dtype = self.placement.dtype
        if dtype == torch.float32:
            return call.forward(**arguments)
        return _cast(call.forward(**_cast(arguments, dtype, keep=("timestep",))), torch.float32)

    def close(self) -> None:
        """Take the model seam out."""
        self._seam.remove()


def _cast(value: Any, dtype: torch.dtype, keep: tuple[str, ...] = ()) -> Any:
    """Every floating-point tensor in ``value`` in that dtype, but for the named ones."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: item if name in keep else _cast(item, dtype) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_cast(item, dtype) for item in value)
    return value


def load(folder: Path, name: str, placement: Placement) -> LoadedModel:
    """Load the diffusers folder of a Stable Diffusion pipeline.

    Raises:
        ModelUnavailable: if its files are not what they should be.
    """
    try:
        with _LOADING:
            pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, safety_checker=None
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailable(f"The model {name!r} could not be read: {error}") from error
    pipeline.to(placement.device)
    pipeline.unet.to(placement.dtype).to(memory_format=torch.channels_last)
    if placement.attention == "xformers":
        pipeline.unet.enable_xformers_memory_efficient_attention()
    return LoadedModel(name, fingerprint(folder), pipeline, placement)


def fingerprint(folder: Path) -> str:
    """The first ten digits of the SHA-256 of the denoiser's weights, as the web UI's model hash."""
    digest = hashlib.sha256()
    for path in sorted((folder / "unet").glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:10]
