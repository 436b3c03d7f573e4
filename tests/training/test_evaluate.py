"""The exam: what it paints and how its judge is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from studio.training import evaluate, recogniser
from studio.training.world import SceneDataset


def test_a_prompt_of_the_exam_paints_the_same_whatever_stands_beside_it(models: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(models / "tiny-v", safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    both = evaluate.paint(pipeline, ["a cat", "a dog"], first_seed=5)
    second = evaluate.paint(pipeline, ["a dog"], first_seed=6)
    assert both.shape == (2, 64, 64, 3)
    assert np.abs(both[1].astype(int) - second[0]).mean() < 4


def test_a_judge_reads_every_aspect_and_is_counted_right() -> None:
    scenes = [SceneDataset(0, 64).scene(index) for index in range(4)]
    right = recogniser.labels(scenes)
    assert recogniser.accuracy(right, right) == dict.fromkeys(recogniser.ASPECTS, 1.0)
    torch.manual_seed(0)
    found = recogniser.read(recogniser.Recogniser(), np.zeros((4, 64, 64, 3), np.uint8))
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(recogniser.ASPECTS, (4,))
