"""Small models of films and sounds, random weights, written to disk in the layout of the real ones."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AudioLDM2Pipeline,
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
    AutoencoderKL,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.tiny_families import t5, t5_tokenizer

RATE = 16_000
"""Samples a second that the tiny vocoder makes, 160 of them from a column of the spectrogram, as the real one does."""


def wan(folder: Path, spread: bool = False) -> None:
    """Wan 2.1 text to video: latents (N, 16, F, h, w), an autoencoder by 8 and, in time, by 4. With ``spread`` each
    of its tokens has a timestep of its own, as in Wan 2.2 5B."""
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    torch.nn.init.normal_(transformer.proj_out.weight, std=0.1)
    encoder = UMT5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, pad_token_id=0)
    WanPipeline(
        transformer=transformer,
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
        vae=AutoencoderKLWan(
            base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        text_encoder=UMT5EncoderModel(encoder),
        tokenizer=t5_tokenizer(),
        expand_timesteps=spread,
    ).save_pretrained(folder)


def ltx(folder: Path) -> None:
    """LTX-Video: packed latents of 8 channels, an autoencoder by 32 and, in time, by 8."""
    torch.manual_seed(0)
    LTXPipeline(
        transformer=LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            patch_size=1,
            patch_size_t=1,
            num_attention_heads=4,
            attention_head_dim=8,
            cross_attention_dim=32,
            num_layers=1,
            caption_channels=32,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1
        ),
        vae=AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
        ),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def roberta_tokenizer() -> RobertaTokenizer:
    """One token a letter."""
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *map(chr, range(97, 123))]
    return RobertaTokenizer(vocab={mark: at for at, mark in enumerate(marks)}, merges=[], model_max_length=64)


def clap() -> ClapModel:
    """Of its two halves only the one that reads is used."""
    hears = ClapAudioConfig(
        spec_size=64,
        window_size=4,
        num_mel_bins=64,
        depths=[1, 1],
        num_attention_heads=[1, 1],
        num_hidden_layers=2,
        hidden_size=32,
        projection_dim=8,
        patch_size=2,
        patch_stride=2,
        patch_embed_input_channels=4,
        patch_embeds_hidden_size=16,
    )
    reads = ClapTextConfig(
        vocab_size=64,
        hidden_size=8,
        intermediate_size=37,
        num_attention_heads=1,
        num_hidden_layers=1,
        pad_token_id=1,
        projection_dim=8,
    )
    return ClapModel(ClapConfig(text_config=reads.to_dict(), audio_config=hears.to_dict(), projection_dim=8))


def vocoder() -> SpeechT5HifiGan:
    """Loud enough to be heard."""
    made = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=64,
            sampling_rate=RATE,
            upsample_initial_channel=32,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3]],
            normalize_before=False,
        )
    )
    for weight in made.parameters():
        if weight.dim() > 1:
            torch.nn.init.xavier_normal_(weight)
    return made


def audioldm2(folder: Path) -> None:
    """AudioLDM 2: latents (N, 4, T / 4, 16) of spectrograms of 64 frequencies, CLAP and T5 read by a language model,
    a vocoder."""
    torch.manual_seed(0)
    AudioLDM2Pipeline(
        unet=AudioLDM2UNet2DConditionModel(
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=8,
            sample_size=32,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=((None, 16, 32),) * 2,
        ),
        scheduler=DDIMScheduler(
            beta_start=0.0015,
            beta_end=0.0195,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 8, 8),
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=1,
            norm_num_groups=8,
            latent_channels=4,
        ),
        text_encoder=clap(),
        text_encoder_2=t5(),
        projection_model=AudioLDM2ProjectionModel(text_encoder_dim=8, text_encoder_1_dim=32, langauge_model_dim=16),
        language_model=GPT2LMHeadModel(
            GPT2Config(n_embd=16, n_head=1, n_layer=1, vocab_size=64, n_positions=99, max_new_tokens=8)
        ),
        tokenizer=roberta_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        feature_extractor=ClapFeatureExtractor(feature_size=64, sampling_rate=RATE, hop_length=160),
        vocoder=vocoder(),
    ).save_pretrained(folder)
