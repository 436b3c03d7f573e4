"""Stage two: text encoder and UNet, trained together to predict v on the autoencoder's latents."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from studio.training.exam.painting import paint
from studio.training.loop import Loop, Plan, autocast, batch_size, choose_device, compiled, fingerprint
from studio.training.material import SCALE, Material
from studio.training.pictures import at_hand, sheet, to_tensor
from studio.training.tokenizer import MAX_LENGTH
from studio.training.world import Edition

BATCH = 48
TEXT_WIDTH = 192
SNR_CEILING = 5.0
"""Above this signal-to-noise ratio the loss, seen as an error of x0, counts no more than there
(Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy",
https://arxiv.org/abs/2303.09556). Below it the loss of v stays as it is: the time of day and the
place are decided where there is hardly any signal, and must not be weighted away."""
USUAL_NOISE, NOISE_SPREAD = 0.2, 1.1
"""Mean and deviation of ln sigma for most of the samples, as in Karras et al. 2022 ("Elucidating the Design
Space of Diffusion-Based Generative Models", https://arxiv.org/abs/2206.00364): layouts and outlines are decided
there. The schedule's own steps are above sigma 7 for more than a quarter, where little can be seen."""
EVEN_SHARE = 0.25
"""The other samples, spread evenly over the schedule's steps: the time of day is decided where sigma is high."""
USUAL_SHARE = 0.5
"""Of the lessons, so many are in the usual style: a prompt without one asks for it, and every detail shows there."""
THING_WEIGHT = 5.0
"""Where the thing stands the loss counts this much more: there is the detail, and a weight per
pixel leaves the optimum of a squared error where it is."""

LOOK_AT = (
    "a cat on a rainy street at night",
    "a fox in a forest in the snow",
    "a red car on a beach at sunset",
    "a rocket on the moon",
    "kitty, living room, morning",
    "an owl in a forest at night",
    "a watercolour of a house in the mountains",
    "a cat left of a dog on a beach",
)


def noise_schedule() -> dict[str, object]:
    """The schedule's settings: Stable Diffusion's scaled-linear betas with a stronger end, so that
    sigma reaches 70 (14.6 there): flat backgrounds need a start without any picture in it, and
    Karras-type schedules need that start to be finite."""
    return {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.0205,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "clip_sample": False,
        "steps_offset": 1,
    }


def training_schedule() -> DDPMScheduler:
    """The schedule as training uses it, with its 1000 steps."""
    return DDPMScheduler(**noise_schedule())


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained CLIP text encoder of 3 layers over the world's tokens."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=3 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet(edition: Edition) -> UNet2DConditionModel:
    """An untrained UNet. The prompt reaches it twice: word by word through cross-attention on every level but
    the largest, and as a whole, added to the time embedding."""
    levels = len(edition.channels)
    return UNet2DConditionModel(
        sample_size=edition.size // SCALE,
        in_channels=8,
        out_channels=8,
        block_out_channels=edition.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * (levels - 1)),
        up_block_types=(*["CrossAttnUpBlock2D"] * (levels - 1), "UpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        use_linear_projection=True,
    )


class Painter(nn.Module):
    """Text encoder and UNet as one module to train."""

    def __init__(self, text_encoder: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text_encoder, self.unet = text_encoder, unet

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """v (N, C, H, W) predicted from noisy latents, timesteps (N,) and token ids (N, 32)."""
        words = self.text_encoder(tokens).last_hidden_state
        velocity: Tensor = self.unet(noisy, timesteps, words).sample
        return velocity


def encode(vae: AutoencoderTiny, pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Latents (N, C, h, w) of pictures (N, H, W, 3), in half precision, in the device's memory."""
    parts = []
    with torch.no_grad(), autocast(device):
        for first in tqdm(range(0, len(pixels), 64), desc="latents"):
            parts.append(vae.encoder(to_tensor(pixels[first : first + 64], device)).half())
    return torch.cat(parts)


def latents_of(material: Material, vae: AutoencoderTiny, device: torch.device) -> Tensor:
    """Latents (N, C, h, w) of all of the material's pictures, encoded once for each encoder: on a CPU that takes
    minutes, and every stage asks for them."""
    pictures = material.pictures
    path = material.folder / f"latents-{len(pictures)}-{fingerprint(vae.encoder)}.npy"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, encode(vae, pictures, device).cpu().numpy())
        partial.replace(path)
    return torch.from_numpy(np.load(path)).to(device)


def thing_weights(masks: Tensor) -> Tensor:
    """Weights (N, 1, h, w) with mean 1 for each picture, heavier where its things stand (masks (N, h, w))."""
    weights = 1 + (THING_WEIGHT - 1) * masks[:, None].float()
    return weights / weights.mean((1, 2, 3), keepdim=True)


def draw_timesteps(schedule: DDPMScheduler, count: int, device: torch.device) -> Tensor:
    """Timesteps (N,) to train at: EVEN_SHARE of them even over the schedule, the others normal in ln sigma. Each
    part is stratified, so that every batch has some of all."""

    def spread(number: int) -> Tensor:
        return (torch.arange(number, device=device) + torch.rand(number, device=device)) / number

    steps = schedule.config.num_train_timesteps
    evenly = round(count * EVEN_SHARE)
    even = (spread(evenly) * steps).long()
    alphas = schedule.alphas_cumprod.to(device)
    normal = USUAL_NOISE + NOISE_SPREAD * torch.special.ndtri(spread(count - evenly))
    usual = torch.searchsorted((1 / alphas - 1).log() / 2, normal)
    return torch.cat([even, usual]).clamp(max=steps - 1)


def loss(
    painter: Callable[[Tensor, Tensor, Tensor], Tensor],
    schedule: DDPMScheduler,
    latents: Tensor,
    tokens: Tensor,
    where: Tensor,
) -> Tensor:
    """Squared error of v, weighted by signal-to-noise ratio and by ``where`` (N, 1, h, w)."""
    device = latents.device
    timesteps = draw_timesteps(schedule, len(latents), device)
    noise = torch.randn_like(latents)
    noisy = schedule.add_noise(latents, noise, timesteps)
    target = schedule.get_velocity(latents, noise, timesteps)
    with autocast(device):
        error = painter(noisy, timesteps, tokens).float() - target
    alphas = schedule.alphas_cumprod.to(device)[timesteps]
    snr = alphas / (1 - alphas)
    weight = (snr + 1).clamp(max=SNR_CEILING + 1) / (snr + 1)
    return (weight * (where * error.square()).mean((1, 2, 3))).mean()


class Lessons:
    """Batches of latents, token ids and weights, all from the device's own memory."""

    def __init__(self, vae: AutoencoderTiny, tokenizer: CLIPTokenizer, material: Material, count: int) -> None:
        self.device = choose_device()
        self.latents = latents_of(material, vae.to(self.device).eval(), self.device)[:count]
        self.tokens = at_hand(material.tokens(tokenizer), self.device)
        self.masks = at_hand(material.masks, self.device)
        usual = torch.tensor([scene.style == material.scenes.edition.styles[0].name for scene in material.told(count)])
        shares = torch.where(usual, USUAL_SHARE / usual.sum(), (1 - USUAL_SHARE) / (~usual).sum())
        self.shares = shares.to(self.device)

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Numbers (N,) of the pictures picked, latents (N, C, h, w), token ids (N, 32), weights (N, 1, h, w)."""
        device = self.latents.device
        picks = torch.multinomial(self.shares, count, replacement=True)
        tellings = torch.randint(self.tokens.shape[1], (count,), device=device)
        latents = self.latents[picks].float().contiguous(memory_format=torch.channels_last)
        return picks, latents, self.tokens[picks, tellings].long(), thing_weights(self.masks[picks])


def build(tokenizer: CLIPTokenizer, edition: Edition) -> Painter:
    """An untrained painter of the edition's world."""
    return Painter(build_text_encoder(tokenizer), build_unet(edition))


def train(
    painter: Painter, vae: AutoencoderTiny, tokenizer: CLIPTokenizer, material: Material, folder: Path, minutes: float
) -> Painter:
    """Train text encoder and UNet on the material's pictures."""
    device = choose_device()
    lessons = Lessons(vae, tokenizer, material, material.count)
    painter = painter.to(device).to(memory_format=torch.channels_last).train()
    loop = Loop(painter, Plan(folder, "denoiser", minutes, 6e-4, fingerprint(vae.encoder), muon=True))
    schedule, count = training_schedule(), batch_size(BATCH, device)
    predict = compiled(painter, minutes)

    def batch_loss() -> tuple[Tensor, int]:
        _, latents, tokens, where = lessons.batch(count)
        return loss(predict, schedule, latents, tokens, where), count

    def sample() -> None:
        pipeline = assemble(vae, tokenizer, painter)
        pipeline.set_progress_bar_config(disable=True)
        Image.fromarray(sheet(paint(pipeline, [*LOOK_AT], first_seed=7), 4)).save(folder / "denoiser.png")

    loop.run(batch_loss, sample)
    painter.load_state_dict(loop.average)
    return painter.eval()


def assemble(vae: AutoencoderTiny, tokenizer: CLIPTokenizer, painter: Painter) -> StableDiffusionPipeline:
    """The parts as a plain StableDiffusionPipeline, as it is saved and shipped."""
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=painter.text_encoder,
        tokenizer=tokenizer,
        unet=painter.unet,
        scheduler=DDIMScheduler(**noise_schedule(), timestep_spacing="trailing", set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
