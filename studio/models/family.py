"""What a file of weights is, told from the names and shapes of its tensors."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from studio.models.alone import bare, family_of_layers, purpose
from studio.models.header import Header, TensorInfo


class Kind(StrEnum):
    """What a file is for, as people call it."""

    CHECKPOINT = "checkpoint"
    VAE = "VAE"
    LORA = "LoRA"
    TEXTUAL_INVERSION = "textual inversion"
    CONTROLNET = "ControlNet"
    TEXT_ENCODER = "text encoder"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Nature:
    """Kind and family of a file; what it does not tell is left empty."""

    kind: Kind
    family: str = ""
    inpainting: bool = False
    prediction: str = ""
    """epsilon or v, where the file says so."""
    channels: int = 0
    """Of an autoencoder's latents, where that is known."""


# The type diffusers infers begins with the word; longer words first.
_FAMILIES = {
    "inpainting_v2": "SD 2.x",
    "inpainting": "SD 1.x",
    "instruct-pix2pix": "SD 1.x",
    "v1": "SD 1.x",
    "v2": "SD 2.x",
    "xl_refiner": "SDXL refiner",
    "xl_": "SDXL",
    "playground-v2-5": "Playground 2.5",
    "stable_cascade": "Stable Cascade",
    "sd3": "SD 3",
    "flux-2": "FLUX.2",
    "flux-3": "FLUX.3",
    "flux": "FLUX.1",
    "chroma": "Chroma",
    "z-image": "Z-Image",
    "qwen-image-2.1": "Qwen-Image 2.1",
    "qwen-image": "Qwen-Image",
    "sana": "Sana",
    "lumina2": "Lumina 2",
    "auraflow": "AuraFlow",
    "ltx2": "LTX-2",
    "ltx-video": "LTX-Video",
    "wan": "Wan",
    "hunyuan-video": "HunyuanVideo",
    "hidream": "HiDream",
    "mochi": "Mochi",
    "cosmos": "Cosmos",
}
_BY_TEXT_WIDTH = {768: "SD 1.x", 1024: "SD 2.x", 2048: "SDXL"}
"""Columns of the projection that reads the prompt in a U-Net's cross-attention."""
MOST_WORDS = 128
"""How many vectors a textual inversion has at most."""
_LORA_DOWN = (
    ".lora_down.weight",
    ".lora_A.weight",
    ".lora.down.weight",
    "_lora.down.weight",
    ".lora_linear_layer.down.weight",
)
_LORA = (*_LORA_DOWN, ".lora_up.weight", ".lora_B.weight")
_TEXT_ENCODER = {
    "text_model.embeddings.token_embedding.weight",  # CLIP
    "shared.weight",  # T5
    "model.embed_tokens.weight",  # Qwen, Gemma, Llama
    "token_embd.weight",  # any of these as GGUF
}
_GGUF_FAMILIES = {
    "sd1": "SD 1.x",
    "sd2": "SD 2.x",
    "sdxl": "SDXL",
    "sd3": "SD 3",
    "flux": "FLUX.1",
    "qwen_image": "Qwen-Image",
    "lumina2": "Lumina 2",
    "aura": "AuraFlow",
    "hidream": "HiDream",
    "cosmos": "Cosmos",
    "hyvid": "HunyuanVideo",
    "ltxv": "LTX-Video",
    "wan": "Wan",
}
"""By ``general.architecture``, as the converters for pictures and video write it."""
_CONTROLNET = (
    "control_model.time_embed.0.weight",
    "input_hint_block.0.weight",
    "controlnet_cond_embedding.conv_in.weight",
    "controlnet_blocks.0.weight",
)
_QUANTIZED = {
    ".scale_weight": "with scales beside them, as ComfyUI reads them",
    ".weight_scale": "with scales beside them, as ComfyUI reads them",
    ".comfy_quant": "as ComfyUI reads them",
    ".wscales": "for Nunchaku",
    ".quant_state.bitsandbytes__nf4": "of bitsandbytes",
    ".quant_state.bitsandbytes__fp4": "of bitsandbytes",
}
"""How the names of what stands beside quantized weights end, and who reads those."""
UNION = "This is a ControlNet-Union, which cannot be read: get a ControlNet for one kind of lines or maps."


def nature_of(header: Header) -> Nature:
    """Kind and family of the file with that header. Never raises: a file nothing is known of is unknown."""
    names = header.tensors.keys()
    if any(name.endswith(_LORA) for name in names):
        return Nature(Kind.LORA, _lora_family(header))
    if names & {"emb_params", "clip_l", "clip_g"}:
        return Nature(Kind.TEXTUAL_INVERSION, _embedding_family(header))
    if any(name in names for name in _CONTROLNET):
        return Nature(Kind.CONTROLNET, _by_text_width(header, ("attn2.to_k.weight",)))
    if {"decoder.conv_in.weight", "decoder.conv_out.weight"} <= names:
        shape = header.tensors["decoder.conv_in.weight"].shape
        return Nature(Kind.VAE, channels=shape[1] if len(shape) > 1 else 0)
    if names & _TEXT_ENCODER:
        return Nature(Kind.TEXT_ENCODER)
    if len(names) == 1 and (family := _family_of_words(*header.tensors.values())):
        return Nature(Kind.TEXTUAL_INVERSION, family)  # trainers call their vectors as they like
    return _checkpoint(header)


def unsupported(header: Header) -> str:
    """Why the file with that header is of no use here, as a sentence; empty where it may be."""
    names = header.tensors.keys()
    if "lora_controlnet" in names:
        return "This is a Control-LoRA, which cannot be read: get the whole ControlNet that it was made from."
    if any(name.startswith("lllite_") for name in names):
        return "This is a ControlNet-LLLite, which cannot be read: get a whole ControlNet for the same lines or maps."
    if "task_embedding" in names:
        return UNION
    if "controlnet_blocks.0.weight" in names:
        return "This is a ControlNet for a transformer, which is read as a diffusers folder: get that, with its config."
    if made_by := next((by for end, by in _QUANTIZED.items() if any(name.endswith(end) for name in names)), ""):
        return f"Its weights are numbers of few bits {made_by}, which cannot be read: get it in bf16, fp16 or as GGUF."
    if family_of_layers(bare(header).tensors) == "PixArt":
        return "This is a transformer of PixArt, which cannot be read from one file: get the diffusers folder."
    return ""


def nature_of_gguf(header: Header) -> Nature:
    """The same for a GGUF file; where the tensors' names do not tell, by the architecture that its maker wrote."""
    nature = nature_of(header)
    family = _GGUF_FAMILIES.get(header.metadata.get("general.architecture", "").lower(), "")
    return nature if nature.kind != Kind.UNKNOWN or not family else Nature(Kind.CHECKPOINT, family)


def _checkpoint(header: Header) -> Nature:
    inner = bare(header)
    inferred = "" if family_of_layers(inner.tensors) else _inferred(header) or _inferred(inner)
    family = next((name for start, name in _FAMILIES.items() if inferred.startswith(start)), "")
    family = purpose(family_of_layers(inner.tensors) or family, inner)
    if not family:
        return Nature(Kind.UNKNOWN)
    inpainting = "inpaint" in inferred or family == "FLUX.1 Fill"
    return Nature(Kind.CHECKPOINT, family, inpainting, _prediction(header))


def _inferred(header: Header) -> str:
    """By diffusers' own tables. Its last resort is "v1", so that one has to be shown by its key."""
    from diffusers.loaders.single_file_utils import CHECKPOINT_KEY_NAMES, infer_diffusers_model_type

    try:
        inferred = str(infer_diffusers_model_type(header.tensors))
    except (LookupError, TypeError, ValueError, AttributeError, UnboundLocalError):
        return ""  # it has a known key of a shape that no model has
    return "" if inferred == "v1" and CHECKPOINT_KEY_NAMES["v1"] not in header.tensors else inferred


def _prediction(header: Header) -> str:
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    if "v_pred" in header.tensors or said in ("v", "v_prediction"):
        return "v"
    return "epsilon" if said in ("eps", "epsilon") else ""


def _lora_family(header: Header) -> str:
    names = header.tensors.keys()
    if any("double_blocks" in name or "single_transformer_blocks" in name for name in names):
        return "FLUX.1"
    ends = [part + down for part in ("attn2_to_k", "attn2.to_k") for down in _LORA_DOWN]
    return _by_text_width(header, (*ends, "attn2.processor.to_k_lora.down.weight"))


def _by_text_width(header: Header, ends: Iterable[str]) -> str:
    shapes = (info.shape for name, info in header.tensors.items() if name.endswith(tuple(ends)) and info.shape)
    # A kohya convolution is (rank, columns, 1, 1), a linear layer (rank, columns).
    widths = (shape[1] for shape in shapes if len(shape) > 1)
    return next((_BY_TEXT_WIDTH[width] for width in widths if width in _BY_TEXT_WIDTH), "")


def _embedding_family(header: Header) -> str:
    if "clip_g" in header.tensors:
        return "SDXL"
    found = header.tensors.get("emb_params")
    return _BY_TEXT_WIDTH.get(found.shape[-1], "") if found and found.shape else ""


def _family_of_words(tensor: TensorInfo) -> str:
    """Of one vector or a few, as long as those of a text encoder's words, the encoder's family; else empty."""
    *count, width = tensor.shape or (0,)
    few = not count or (len(count) == 1 and 1 <= count[0] <= MOST_WORDS)
    return _BY_TEXT_WIDTH.get(width, "") if few else ""
