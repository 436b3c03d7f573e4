"""Loading a model, and what a loaded one offers to a run."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import diffusers
import torch
import transformers
from diffusers import (
    ControlNetModel,
    DiffusionPipeline,
    SchedulerMixin,
)
from diffusers.image_processor import VaeImageProcessor
from diffusers.loaders.single_file_utils import SingleFileComponentError
from PIL import Image
from torch import Tensor, nn

from studio.clips import Clip
from studio.diffusion.linear_preview import LinearPreview, fit
from studio.diffusion.seams import ModelCall, ModelSeam
from studio.errors import ModelUnavailable, said
from studio.models import control_file, keeping, single_file, vae
from studio.models.adapters import Adapters
from studio.models.beside import read_json
from studio.models.device import PRECISIONS, Placement
from studio.models.families.base import Family, Task
from studio.models.families.known import family_of
from studio.models.hashes import Hashes, short
from studio.models.header import variant_of
from studio.models.library import Source, VaeSource
from studio.models.making import making
from studio.models.memory import WHOLE, Plan, Weights, encoder_precision
from studio.models.scan import TRANSFORMER_CONTROLS
from studio.models.vae import LoadedVae
from studio.models.weights import DENOISERS, weigh
from studio.request import GenerationRequest

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

T = TypeVar("T")
ALL_OF_IT = Plan(WHOLE, "all of it on the device")
LACKING = "weights are missing in it: it was not downloaded whole, or is of another layout"
WIDTHS = ("cross_attention_dim", "num_attention_heads", "attention_head_dim")
"""In which a ControlNet is as the denoiser that it leads."""
UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, SingleFileComponentError)
"""What libraries raise over files that are not what they should be."""


class LoadedModel:
    """A pipeline's components on their device, with the model seam in place.

    ``close`` takes the seam out again. Not thread-safe: only the engine's thread uses it.
    """

    def __init__(
        self,
        name: str,
        weights_hash: Callable[[], str],
        family: Family,
        placement: Placement,
        plan: Plan,
        bytes_held: int,
    ) -> None:
        self.name, self.family, self.placement = name, family, placement
        self.weights_hash = weights_hash
        """Which weights these are, as ``fingerprint`` has it; waits while their files are still read."""
        self.plan, self.bytes_held = plan, bytes_held
        self._own: LoadedModel | None = None
        self.vae = ("", "")
        """File and hash of that VAE."""
        self._others: WeakKeyDictionary[LoadedVae, LoadedModel] = WeakKeyDictionary()
        self.denoiser = family.denoiser
        self._seam = ModelSeam(self.denoiser)
        self.adapters = Adapters(family)

    @property
    def own(self) -> LoadedModel:
        """The model as it was loaded; itself, but for one with another VAE."""
        return self._own or self

    @property
    def device(self) -> torch.device:
        """Where latents live."""
        return self.placement.device

    @property
    def tokenizer(self) -> Any:
        """Of its first text encoder."""
        return self.family.pipeline.tokenizer

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
            pipeline = self.family.on_pipeline(scheduler, task, options)
        except ValueError as error:
            raise ModelUnavailable(f"{self.name} cannot paint from this: {error}") from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def with_vae(self, vae: LoadedVae) -> LoadedModel:
        """The same model, sharing all of it, with that VAE in the place of its own.

        Raises:
            ModelUnavailable: if it cannot read and write this model's latents.
        """
        if vae not in self._others:
            pipeline = copy.copy(self.family.pipeline)
            pipeline.vae = vae.module
            if self.plan.name != WHOLE:
                keeping.slim(vae.module)
            other = copy.copy(self)
            other._own = self.own
            other.family, other.vae = family_of(pipeline, self.name), (vae.file, vae.fingerprint)
            kind = type(other.family)
            try:
                vae.linear[kind] = vae.linear.get(kind) or fit(other.decode, other.encode, other.family.flat)
            except RuntimeError as error:
                raise ModelUnavailable(f"The VAE {vae.name!r} does not fit {self.name!r}: {error}") from error
            other.linear = vae.linear[kind]
            self._others[vae] = other
        return self._others[vae]

    @cached_property
    def linear(self) -> LinearPreview:
        """Fitted when a preview first asks for it: models that decode fast enough never do."""
        return fit(self.decode, self.encode, self.family.flat)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) from -1 to 1 of latents (N, C, h, w)."""
        return self.family.decode(latents.to(self.device))

    def linear_preview(self, latents: Tensor) -> Tensor:
        """Small pictures of latents, for next to nothing."""
        return self.linear(self.family.flat(latents))

    @torch.no_grad()
    def finished(self, latents: Tensor, request: GenerationRequest) -> tuple[Tensor, Sequence[Clip]]:
        """The finished pictures (N, 3, H, W) from -1 to 1, and the films or sounds that they stand for."""
        return self.family.finished(latents.to(self.device), request)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (N, C, h, w) of pictures (N, 3, H, W) from -1 to 1."""
        return self.family.encode(pictures.to(self.device))

    def preprocess(self, picture: Image.Image) -> Tensor:
        """An RGB picture, its sides cut to what a latent covers, as (1, 3, H, W) from -1 to 1."""
        pixels: Tensor = VaeImageProcessor(vae_scale_factor=self.family.scale).preprocess(picture)
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
        return _cast(call.forward(**_cast(arguments, dtype, keep=("timestep", "t"))), torch.float32)

    def close(self) -> None:
        """Take the model seam out."""
        self._others.clear()
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

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name, self.module = name, module
        self._seam = ModelSeam(module)

    def check_fits(self, model: LoadedModel) -> None:
        """Accept the model it shall lead.

        Raises:
            ModelUnavailable: if it was made for another family.
        """
        mine, led = self.module.config, model.denoiser.config
        alike = all(getattr(mine, name, None) == getattr(led, name, None) for name in WIDTHS)
        if type(self.module).__name__ != model.family.control or not alike:
            raise ModelUnavailable(f"The ControlNet {self.name!r} is made for another family than {model.name!r}.")

    def close(self) -> None:
        """Take the model seam out."""
        self._seam.remove()


def load(
    source: Source,
    name: str,
    placement: Placement,
    plan: Plan = ALL_OF_IT,
    sha256: Callable[[Path], str] = Hashes().compute,
) -> LoadedModel:
    """Load a pipeline: a diffusers folder, a LoRA in the folder of its model, or a single file.
    ``sha256`` answers that of a file, when it is first asked for.

    Raises:
        ModelUnavailable: if its files are not what they should be.
    """
    path, weights = source.path, weigh(source)
    base = path if path.is_file() or (path / "model_index.json").exists() else path.parent
    if path.is_file():
        pipeline = _told(name, lambda: single_file.read(path, source.nature, source.lender, placement.dtype))
    else:
        pipeline = _read(DiffusionPipeline, base, name, dtype=_dtypes(weights, placement), safety_checker=None)
    for part, size in weights.encoders.items():
        if isinstance(getattr(pipeline, part, None), nn.Module):
            getattr(pipeline, part).to(PRECISIONS[encoder_precision(size)])
    family = family_of(pipeline, name)
    if path != base:
        with making():
            pipeline.load_lora_weights(path)
            pipeline.fuse_lora()
            pipeline.unload_lora_weights()
    keeping.place(family, placement, plan)
    parts = [path] if path != base or path.is_file() else []
    told = cache(partial(fingerprint, *_denoiser_folders(base), *parts, sha256=sha256))
    return LoadedModel(name, told, family, placement, plan, weights.held(plan.name, placement.precision))


def _dtypes(weights: Weights, placement: Placement) -> dict[str, torch.dtype]:
    """The precision that each part of a pipeline is read in."""
    denoiser = dict.fromkeys(DENOISERS, placement.dtype)
    encoders = {name: PRECISIONS[encoder_precision(size)] for name, size in weights.encoders.items()}
    return {"default": torch.float32, **denoiser, **encoders}


def _denoiser_folders(folder: Path) -> list[Path]:
    return [folder / part for part in ("unet", "transformer") if (folder / part).is_dir()]


def load_control(path: Path, name: str, placement: Placement) -> LoadedControl:
    """Load a ControlNet, a diffusers folder or a single file.

    Raises:
        ModelUnavailable: if its files are not what they should be.
    """
    if path.is_file():
        module: Any = _told(name, lambda: control_file.read(path), "ControlNet")
    else:
        said = str(read_json(path / "config.json").get("_class_name", ""))
        kind = getattr(diffusers, said) if said in TRANSFORMER_CONTROLS else ControlNetModel
        module = _read(kind, path, name, dtype=torch.float32)
    keeping.prepare(module.to(placement.device), placement)
    return LoadedControl(name, module)


def load_vae(source: VaeSource, placement: Placement, sha256: Callable[[Path], str] = Hashes().compute) -> LoadedVae:
    """Load an autoencoder that stands in the place of a model's own.

    Raises:
        ModelUnavailable: if its files are not what they should be, or it is of another kind.
    """
    module = _told(source.name, lambda: vae.read(source, placement), "VAE")
    return LoadedVae(source.name, source.path.name, fingerprint(source.path, sha256=sha256), module)


def _read(kind: Any, folder: Path, name: str, **options: Any) -> Any:
    options |= {"local_files_only": True, "use_safetensors": True, "variant": variant_of(folder)}
    return _told(name, lambda: kind.from_pretrained(folder, **options))


def _told(name: str, read: Callable[[], T], what: str = "model") -> T:
    try:
        with making():
            return read()
    except NotImplementedError as error:  # raised by PyTorch for a module some of whose weights no file filled in
        raise ModelUnavailable(f"The {what} {name!r} could not be read: {LACKING}") from error
    except UNREADABLE as error:
        raise ModelUnavailable(f"The {what} {name!r} could not be read: {said(error)}") from error


def fingerprint(*folders: Path, sha256: Callable[[Path], str]) -> str:
    """The first ten digits of the SHA-256 of the weights in folders; of a single file its own, as the
    web UI's model hash. Empty if ``sha256`` does not know one."""
    several = [[one] if one.is_file() else sorted(one.glob("*.safetensors")) for one in folders]
    found = [sha256(path) for files in several for path in files]
    if not all(found):
        return ""
    if len(folders) == 1 and folders[0].is_file():
        return short(found[0])
    return short(hashlib.sha256(bytes.fromhex("".join(found))).hexdigest())
