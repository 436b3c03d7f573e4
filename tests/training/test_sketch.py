"""Sketches: lines where a picture changes, thin ones and thick ones, and how two of them agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from studio.training.control import vary
from studio.training.sketch import agreement, edges, scribble


def disc(x: int = 64) -> Image.Image:
    picture = Image.new("RGB", (128, 128), (40, 90, 160))
    ImageDraw.Draw(picture).ellipse((x - 30, 34, x + 30, 94), fill=(240, 200, 60))
    return picture


def test_edges_are_a_thin_closed_line_around_a_disc() -> None:
    lines = edges(disc())
    y, x = np.nonzero(lines)
    radius = np.hypot(y - 64, x - 64)
    assert 28 < radius.min() <= radius.max() < 32
    assert 160 < lines.sum() < 260


def test_a_scribble_is_the_same_line_thicker() -> None:
    assert scribble(disc()).sum() > 2 * edges(disc()).sum()
    assert agreement(scribble(disc()), edges(disc()), 2) > 0.95


def test_a_blank_picture_has_no_lines() -> None:
    assert not edges(Image.new("RGB", (64, 64), (9, 9, 9))).any()


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 1.0, 1.0), (1, 0.95, 1.0), (20, 0.0, 0.5)])
def test_agreement_falls_with_distance(shift: int, least: float, most: float) -> None:
    assert least <= agreement(edges(disc(64 + shift)), edges(disc()), 2) <= most


def test_agreement_with_nothing_is_none() -> None:
    nothing = np.zeros((128, 128), np.bool_)
    assert agreement(edges(disc()), nothing, 2) == 0
    assert agreement(nothing, nothing, 2) == 1


def test_varied_sketches_stay_lines_and_lose_parts() -> None:
    lines = torch.ones(64, 2, 32, 32, dtype=torch.uint8)
    varied = vary(lines, np.random.default_rng(0))
    assert varied.shape == (64, 3, 32, 32)
    assert set(varied.unique().tolist()) == {0.0, 1.0}
    assert 0.5 < varied.mean() < 0.98
