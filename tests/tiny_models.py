"""Small models with random weights, written to disk in the layout of the real ones."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from studio.models.library import EMBEDDED_FOLDER

XL: dict[str, Any] = {
    "cross_attention_dim": 32 + 48,
    "use_linear_projection": True,
    "transformer_layers_per_block": (1, 2),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 32,
}
"""What a UNet or ControlNet of Stable Diffusion XL has beside the others' layout."""


def unet(**more: Any) -> UNet2DConditionModel:
    """An untrained UNet on 4 latent channels, of the layout of Stable Diffusion's."""
    return UNet2DConditionModel(
        **{
            "sample_size": 8,
            "block_out_channels": (16, 32),
            "layers_per_block": 1,
            "norm_num_groups": 8,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": 32,
            "attention_head_dim": 4,
            "out_channels": 4,
            **more,
        }
    )


def tokenizer(**more: Any) -> CLIPTokenizer:
    """The embedded model's: a few hundred words."""
    return CLIPTokenizer.from_pretrained(EMBEDDED_FOLDER / "tokenizer", **more)


def text_encoder(kind: Any = CLIPTextModel, width: int = 32, layers: int = 2) -> Any:
    """An untrained CLIP of that width for it."""
    words = tokenizer()
    return kind(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=width,
            intermediate_size=37,
            projection_dim=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=words.model_max_length,
            bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )


def vae(channels: int = 4, **more: Any) -> AutoencoderKL:
    """An untrained autoencoder by 8, with that many latent channels."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=channels,
        **more,
    )


def _scheduler(prediction: str) -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def stable_diffusion(folder: Path, prediction: str = "epsilon", channels: int = 4, **more: Any) -> None:
    """A Stable Diffusion 1.x pipeline of 0.1 M parameters: 4 latent channels, 8x autoencoder. With
    9 channels it is one made for inpainting. ``more`` is told the UNet."""
    torch.manual_seed(0)
    pipeline = StableDiffusionPipeline(
        vae=vae(),
        text_encoder=text_encoder(width=more.get("cross_attention_dim", 32)),
        tokenizer=tokenizer(),
        unet=unet(in_channels=channels, **more),
        scheduler=_scheduler(prediction),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)


def stable_diffusion_xl(
    folder: Path, channels: int = 4, layers: int = 2, widths: tuple[int, int] = (32, 48), **more: Any
) -> None:
    """A Stable Diffusion XL pipeline of that size: two text encoders of those ``widths``, the second of so many
    ``layers``, size and pooled words in the time embedding. ``more`` is told the UNet."""
    torch.manual_seed(0)
    pipeline = StableDiffusionXLPipeline(
        vae=vae(),
        text_encoder=text_encoder(width=widths[0]),
        text_encoder_2=text_encoder(CLIPTextModelWithProjection, width=widths[1], layers=layers),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(pad_token="!"),
        unet=unet(in_channels=channels, **(XL | more)),
        scheduler=_scheduler("epsilon"),
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)


DEEP: dict[str, Any] = {
    "block_out_channels": (16, 16, 32, 32),
    "layers_per_block": 2,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
"""A UNet of as many levels as the real one has, by which its single file is known."""


def control_net(folder: Path, seed: int, **more: Any) -> None:
    """A ControlNet for them whose answers, unlike an untrained one's, are not zero."""
    torch.manual_seed(seed)
    module = ControlNetModel.from_unet(unet(**more), conditioning_embedding_out_channels=(4, 8, 8, 8))
    for layer in (*module.controlnet_down_blocks, module.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.1)
    module.save_pretrained(folder, safe_serialization=True)
