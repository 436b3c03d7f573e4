"""Loading a model, and what a loaded one offers to a run."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch
import transformers
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    ControlNetModel,
    DiffusionPipeline,
    SchedulerMixin,
)
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

Task = Literal["text", "picture", "mask"]
"""What a pipeline paints from: noise, a picture, or picture and mask that the model sees."""
PIPELINES: dict[Task, Any] = {
    "text": AutoPipelineForText2Image,
    "picture": AutoPipelineForImage2Image,
    "mask": AutoPipelineForInpainting,
}


class LoadedModel:
    """A pipeline's components on their device, with the model seam in place.

    ``close`` takes the seam out again. Not thread-safe: only the engine's thread uses it.
    """

    def __init__(self, name: str, fingerprint: str, pipeline: DiffusionPipeline, placement: Placement) -> None:
        self.name, self.fingerprint, self.placement = name, fingerprint, placement
        self._pipeline = pipeline
        self.denoiser: nn.Module = pipeline.unet
        self.vae: nn.Module = pipeline.vae
        self.tokenizer: Any = pipeline.tokenizer
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
        return (self._latent_channels, height // self.scale, width // self.scale)

    @property
    def _latent_channels(self) -> int:
        return int(self.vae.config.latent_channels)  # type: ignore[union-attr, arg-type]

    @property
    def sees_masks(self) -> bool:
        """Whether it is made for inpainting: its denoiser gets mask and picture beside the latents."""
        return int(self.denoiser.config.in_channels) == 2 * self._latent_channels + 1  # type: ignore[union-attr, arg-type]

    def pipeline_for(
        self, scheduler: SchedulerMixin, task: Task = "text", controls: Sequence[nn.Module] = ()
    ) -> DiffusionPipeline:
        """A pipeline object of its own for one run, over the shared components, with ControlNets
        where there are any; of the class that diffusers has for the task.

        Raises:
            ModelUnavailable: if it has none.
        """
        options = {"controlnet": controls[0] if len(controls) == 1 else list(controls)} if controls else {}
        try:
            pipeline: DiffusionPipeline = PIPELINES[task].from_pipe(self._pipeline, scheduler=scheduler, **options)
        except ValueError as error:
            raise ModelUnavailable(f"{self.name} cannot paint from this: {error}") from error
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


class LoadedControl:
    """A ControlNet on its device, with the model seam in place."""

    def __init__(self, name: str, fingerprint: str, module: nn.Module) -> None:
        self.name, self.fingerprint, self.module = name, fingerprint, module
        self._seam = ModelSeam(module)

    def check_fits(self, model: LoadedModel) -> None:
        """Accept the model it shall lead.

        Raises:
            ModelUnavailable: if it was made for another family.
        """
        if self.module.config.cross_attention_dim != model.denoiser.config.cross_attention_dim:  # type: ignore[union-attr]
            raise ModelUnavailable(f"The ControlNet {self.name!r} is made for another family than {model.name!r}.")

    def close(self) -> None:
        """Take the model seam out."""
        self._seam.remove()


def load(folder: Path, name: str, placement: Placement) -> LoadedModel:
    """Load the diffusers folder of a Stable Diffusion pipeline, or of a LoRA in the folder of its model.

    Raises:
        ModelUnavailable: if its files are not what they should be.
    """
    base = folder if (folder / "model_index.json").exists() else folder.parent
    pipeline = _read(DiffusionPipeline, base, name, safety_checker=None)
    if not hasattr(pipeline, "unet"):
        raise ModelUnavailable(f"{name!r} is a {type(pipeline).__name__}, which cannot be painted with yet.")
    if folder != base:
        pipeline.load_lora_weights(folder)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
    pipeline.to(placement.device)
    _place(pipeline.unet, placement)
    weights = [base / "unet", folder] if folder != base else [base / "unet"]
    return LoadedModel(name, fingerprint(*weights), pipeline, placement)


def load_control(folder: Path, name: str, placement: Placement) -> LoadedControl:
    """Load the diffusers folder of a ControlNet.

    Raises:
        ModelUnavailable: if its files are not what they should be.
    """
    module = _read(ControlNetModel, folder, name)
    _place(module.to(placement.device), placement)
    return LoadedControl(name, fingerprint(folder), module)


def _read(kind: Any, folder: Path, name: str, **options: Any) -> Any:
    try:
        with _LOADING:
            return kind.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, **options
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailable(f"The model {name!r} could not be read: {error}") from error


def _place(module: Any, placement: Placement) -> None:
    """Precision, memory layout and attention of a denoiser or ControlNet."""
    module.to(placement.dtype).to(memory_format=torch.channels_last)
    if placement.attention == "xformers":
        module.enable_xformers_memory_efficient_attention()


def fingerprint(*folders: Path) -> str:
    """The first ten digits of the SHA-256 of the weights in folders, as the web UI's model hash."""
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.glob("*.safetensors"))):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:10]
