"""Training: each stage learns, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from studio.training import denoiser, tokenizer
from studio.training.autoencoder import build, loss
from studio.training.loop import Loop, Plan, learning_rate_factor
from studio.training.pictures import sheet, to_pixels, to_tensor


def line(module: nn.Linear) -> tuple[Tensor, int]:
    numbers = torch.linspace(-1, 1, 8)[:, None]
    return (module(numbers) - 3 * numbers).square().mean(), 8


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    loop = Loop(module, Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1))
    loop.run(lambda: line(module), lambda: None)
    again = nn.Linear(1, 1)
    resumed = Loop(again, Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1))
    assert resumed.step == loop.step
    assert resumed.progress >= 1
    assert torch.equal(again.weight, module.weight)
    assert line(again)[0] < 0.1
    assert (tmp_path / "line-loss.csv").read_text().startswith("step,samples,seconds,loss")


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate_factor(progress / 100) for progress in range(101)]
    assert rates[0] < rates[2] > rates[50] > rates[100] > 0


def test_pixels_survive_the_way_to_tensors_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    assert np.array_equal(to_pixels(to_tensor(pixels, torch.device("cpu"))), pixels)
    assert sheet(pixels, 2).shape == (16, 16, 3)


def test_the_autoencoder_learns_a_picture() -> None:
    torch.manual_seed(0)
    model, pictures = build(), torch.rand(2, 3, 32, 32) * 2 - 1
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        value = loss(model, pictures)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    assert losses[-1] < 0.8 * losses[0]


def test_every_word_of_the_world_is_one_token(tmp_path: Path) -> None:
    made = tokenizer.build(tmp_path)
    pieces = {word: made(word, add_special_tokens=False).input_ids for word in tokenizer.words()}
    assert {word for word, ids in pieces.items() if len(ids) != 1} == set()
    assert len(made("Istanbul", add_special_tokens=False).input_ids) > 1


def test_thing_weights_leave_the_mean_of_the_loss_where_it_is() -> None:
    for weight in denoiser.thing_weights(16).values():
        assert torch.isclose(weight.mean(), torch.tensor(1.0))
        assert weight.max() > weight.min()
