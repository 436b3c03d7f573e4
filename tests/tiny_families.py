"""Small models of the families with transformers, random weights, written to disk in the layout of the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    ChromaPipeline,
    ChromaTransformer2DModel,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxControlNetModel,
    FluxFillPipeline,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    QwenImageControlNetModel,
    QwenImageEditPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tests.tiny_models import text_encoder, tokenizer, vae

WORDS = ["a", "cat", "dog", "boat", "on", "the", "sea", "at", "night", "street", "rain", "in", "forest"]


def t5_tokenizer() -> T5TokenizerFast:
    """One token a letter, and some words."""
    pieces = ["<pad>", "</s>", "<unk>", "▁", *map(chr, range(97, 123)), *(f"▁{word}" for word in WORDS)]
    return T5TokenizerFast(
        vocab=[(piece, -float(index)) for index, piece in enumerate(pieces)], extra_ids=0, model_max_length=512
    )


def t5(width: int = 32) -> T5EncoderModel:
    """An encoder of that width."""
    return T5EncoderModel(
        T5Config(
            vocab_size=64, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=1
        )
    )


SHIFTED = {"scaling_factor": 1.5, "shift_factor": 0.06, "use_quant_conv": False, "use_post_quant_conv": False}
"""How the autoencoders of these families differ: their latents are shifted as well as scaled."""


def sd3(folder: Path, **more: Any) -> None:
    """Stable Diffusion 3: patches of two by two latents, three text encoders, a fixed shift. ``more`` is told the
    transformer."""
    torch.manual_seed(0)
    StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=64,
            caption_projection_dim=32,
            pooled_projection_dim=64,
            out_channels=16,
            pos_embed_max_size=16,
            **more,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(16, **SHIFTED),
        text_encoder=text_encoder(CLIPTextModelWithProjection),
        tokenizer=tokenizer(),
        text_encoder_2=text_encoder(CLIPTextModelWithProjection),
        tokenizer_2=tokenizer(),
        text_encoder_3=t5(64),
        tokenizer_3=t5_tokenizer(),
    ).save_pretrained(folder)


def sd35(folder: Path) -> None:
    """Stable Diffusion 3.5 medium: queries and keys are normalised, the first layers look at the picture twice."""
    sd3(folder, qk_norm="rms_norm", dual_attention_layers=(0,))


def flux(folder: Path, told: bool = True, kind: Any = FluxPipeline, channels: int = 64) -> None:
    """FLUX.1: packed latents, CLIP and T5, a shift by the size; ``told`` its guidance as dev is, or not, as schnell.
    Kontext and Fill are of another ``kind``, Fill sees more ``channels``."""
    torch.manual_seed(0)
    dynamic: dict[str, Any] = {"use_dynamic_shifting": True, "shift": 3.0} if told else {"shift": 1.0}
    kind(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=channels,
            out_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
            guidance_embeds=told,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(**dynamic),
        vae=vae(16, **SHIFTED),
        text_encoder=text_encoder(CLIPTextModel),
        tokenizer=tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=t5_tokenizer(),
    ).save_pretrained(folder)


def kontext(folder: Path) -> None:
    """FLUX.1 Kontext."""
    flux(folder, kind=FluxKontextPipeline)


def fill(folder: Path) -> None:
    """FLUX.1 Fill: beside the latents, those of the picture without what is masked, and the mask."""
    flux(folder, kind=FluxFillPipeline, channels=384)


CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """One token a byte, and the marks of a chat."""
    letters = list(bytes_to_unicode().values())
    words = Qwen2Tokenizer(vocab={letter: index for index, letter in enumerate(letters)}, merges=[])
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    words.chat_template = CHAT
    return words


def qwen3(kind: Any = Qwen3Model, layers: int = 2) -> Any:
    """An encoder of 32 for it, of so many layers."""
    return kind(
        Qwen3Config(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
        )
    )


def chroma(folder: Path) -> None:
    """Chroma: FLUX's packed latents under T5 alone, a shift that is told."""
    torch.manual_seed(0)
    ChromaPipeline(
        transformer=ChromaTransformer2DModel(
            patch_size=1,
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=32,
            approximator_layers=1,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_beta_sigmas=True, shift=1.0),
        vae=vae(16, **SHIFTED),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def flux2(folder: Path, distilled: bool = True) -> None:
    """FLUX.2 klein: patches of normalised latents, three layers of a Qwen3 for words."""
    torch.manual_seed(0)
    autoencoder = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4, latent_channels=16
    )
    autoencoder.bn.running_mean.normal_(std=0.1)
    autoencoder.bn.running_var.uniform_(0.5, 1.5)
    Flux2KleinPipeline(
        transformer=Flux2Transformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=96,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=autoencoder,
        text_encoder=qwen3(Qwen3ForCausalLM, layers=28),
        tokenizer=qwen_tokenizer(),
        is_distilled=distilled,
    ).save_pretrained(folder)


def z_image(folder: Path) -> None:
    """Z-Image: lists of pictures and of words, a fixed shift."""
    torch.manual_seed(0)
    ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=32,
            axes_dims=[4, 4, 8],
            axes_lens=[256, 32, 32],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(16, **SHIFTED),
        text_encoder=qwen3(),
        tokenizer=qwen_tokenizer(),
    ).save_pretrained(folder)


def pixart(folder: Path) -> None:
    """PixArt-Sigma: noise and its deviation predicted, T5, its own fixed positions."""
    torch.manual_seed(0)
    PixArtSigmaPipeline(
        transformer=PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=4,
            out_channels=8,
            num_layers=2,
            cross_attention_dim=32,
            sample_size=16,
            caption_channels=32,
            use_additional_conditions=False,
        ),
        scheduler=DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
        vae=vae(4, scaling_factor=0.13025),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def sana(folder: Path) -> None:
    """Sana: latents by 32, Gemma, DPM-Solver on flow sigmas."""
    torch.manual_seed(0)
    letters = {f"<0x{value:02X}>": 5 + value for value in range(256)}
    marks = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<mask>": 4}
    six = (8,) * 6
    SanaPipeline(
        transformer=SanaTransformer2DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=2,
            num_cross_attention_heads=2,
            cross_attention_head_dim=16,
            cross_attention_dim=32,
            caption_channels=32,
            sample_size=2,
        ),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, algorithm_type="dpmsolver++"
        ),
        vae=AutoencoderDC(
            latent_channels=8,
            attention_head_dim=2,
            encoder_block_types="ResBlock",
            decoder_block_types="ResBlock",
            encoder_block_out_channels=six,
            decoder_block_out_channels=six,
            encoder_layers_per_block=(1,) * 6,
            decoder_layers_per_block=(1,) * 6,
            encoder_qkv_multiscales=((),) * 6,
            decoder_qkv_multiscales=((),) * 6,
            scaling_factor=0.41407,
        ),
        text_encoder=Gemma2Model(
            Gemma2Config(
                vocab_size=300,
                hidden_size=32,
                intermediate_size=37,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
            )
        ),
        tokenizer=GemmaTokenizer(vocab=marks | letters),
    ).save_pretrained(folder)


def qwen_image(folder: Path) -> None:
    """Qwen-Image: a film's autoencoder, Qwen2.5-VL for words, a shift by the size."""
    torch.manual_seed(0)
    QwenImagePipeline(**qwen_parts()).save_pretrained(folder)


def qwen_parts() -> dict[str, Any]:
    """What Qwen-Image is made of."""
    words = qwen_tokenizer()
    words.add_special_tokens({"additional_special_tokens": list(VISION)})
    start, pad, end, film = words.convert_tokens_to_ids(list(VISION))
    text = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }
    seen = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32}
    reader = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config=text,
            vision_config=seen,
            vision_start_token_id=start,
            image_token_id=pad,
            vision_end_token_id=end,
            video_token_id=film,
        )
    )
    return {
        "transformer": QwenImageTransformer2DModel(
            in_channels=64,
            out_channels=16,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 6, 6),
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
        ),
        "vae": AutoencoderKLQwenImage(base_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        "text_encoder": reader,
        "tokenizer": words,
    }


VISION = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")


def qwen_image_edit(folder: Path) -> None:
    """Qwen-Image-Edit: the same, with a processor that shows pictures to the one that reads."""
    torch.manual_seed(0)
    parts = qwen_parts()
    seen = {"size": {"shortest_edge": 28 * 28, "longest_edge": 112 * 112}}
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(**seen),
        tokenizer=parts["tokenizer"],
        video_processor=Qwen2VLVideoProcessor(**seen),
        chat_template=CHAT,
    )
    QwenImageEditPipeline(**parts, processor=processor).save_pretrained(folder)


def control_net(folder: Path, kind: str, seed: int = 1) -> None:
    """A ControlNet for the tiny FLUX.1, Stable Diffusion 3 or Qwen-Image, whose answers are not zero."""
    torch.manual_seed(seed)
    small: dict[str, Any] = {"num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 16}
    made: Any
    if kind == "flux":
        axes = {"axes_dims_rope": [4, 4, 8], "joint_attention_dim": 32, "pooled_projection_dim": 32}
        made = FluxControlNetModel(**small, **axes, num_single_layers=1, guidance_embeds=True)
    elif kind == "qwen":
        made = QwenImageControlNetModel(**small, joint_attention_dim=32, axes_dims_rope=(4, 6, 6))
    else:
        heads: dict[str, Any] = {"num_layers": 1, "num_attention_heads": 4, "attention_head_dim": 8}
        widths = {"joint_attention_dim": 64, "caption_projection_dim": 32, "pooled_projection_dim": 64}
        made = SD3ControlNetModel(**heads, **widths, sample_size=16, pos_embed_max_size=16)
    for name, weight in made.named_parameters():
        if "controlnet" in name or "pos_embed_input" in name:
            torch.nn.init.normal_(weight, std=0.1)
    made.save_pretrained(folder)
