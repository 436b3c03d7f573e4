"""The exam: what it paints, how its judge is counted, and how its figures are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from studio.training import recogniser
from studio.training.exam import copying, figures, following
from studio.training.exam.figures import Figure
from studio.training.exam.painting import ASKED, paint
from studio.training.sketch import edges
from studio.training.world import CPU, Scene, SceneDataset


def test_a_prompt_of_the_exam_paints_the_same_whatever_stands_beside_it(models: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(models / "tiny-v", safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    few = replace(ASKED, steps=6)
    both = paint(pipeline, ["a cat", "a dog"], first_seed=5, asked=few)
    second = paint(pipeline, ["a dog"], first_seed=6, asked=few)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert both.shape == (2, 64, 64, 3)
    assert np.abs(both[1].astype(int) - second[0]).mean() < 4


def test_a_judge_reads_every_aspect_and_is_counted_right() -> None:
    scenes = [SceneDataset(0, CPU).scene(index) for index in range(80)]
    right = recogniser.targets(scenes, CPU)
    asked = {"thing", "place", "time", "weather", "style", "count", "two things"}
    assert recogniser.accuracy(right, right) == dict.fromkeys(asked, 1.0)
    wrong = right | {"place": right["place"].roll(1, 1), "thing": right["thing"].roll(1, 1)}
    assert {name for name, value in recogniser.accuracy(wrong, right).items() if value == 0} == {
        "thing", "place", "two things",
    }  # fmt: skip
    torch.manual_seed(0)
    found = recogniser.read(recogniser.Recogniser(CPU), np.zeros((4, 64, 64, 3), np.uint8))
    assert {name: len(scores) for name, scores in found.items()} == dict.fromkeys(right, 4)


def test_always_the_usual_answer_is_not_half_right() -> None:
    scenes = [SceneDataset(0, CPU).scene(index) for index in range(400)]
    right = recogniser.targets(scenes, CPU)
    usual = {name: right[name].sum(0).eq(right[name].sum(0).max()).float() for name in ("count", "weather")}
    told = right | {name: row.expand_as(right[name]) for name, row in usual.items()}
    found = recogniser.accuracy(told, right)
    assert found["count"] == pytest.approx(1 / 3)
    assert found["weather"] == pytest.approx(1 / right["weather"].any(0).sum())


def test_one_half_of_a_pair_is_not_both() -> None:
    scene = Scene("cat", "beach", "day", "clear", "flat", seed=0, other="dog", relation="above")
    right = recogniser.targets([scene], CPU)
    one, stranger = (CPU.thing_names.index(name) for name in ("dog", "cow"))
    scores = {name: shares.clone() for name, shares in right.items()}
    scores["thing"] = torch.zeros_like(right["thing"])
    scores["thing"][0, [one, stranger]] = 1.0
    assert recogniser.accuracy(scores, right)["two things"] == 0


def test_a_copy_is_found_however_slightly_it_was_changed() -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 256, (20, 64, 64, 3), np.uint8)
    fresh = random.integers(0, 256, (20, 64, 64, 3), np.uint8)
    assert [figure.value for figure in copying.copied(fresh, fresh, known)] == [100, 100]
    assert copying.copied((known * 0.99).astype(np.uint8), fresh, known)[0].value == 0


def test_the_sketch_of_a_picture_is_followed_by_itself_best() -> None:
    scenes = following.asked_scenes(SceneDataset(1, CPU, held_out=True), 5)
    assert {(scene.style, scene.weather) for scene in scenes} == {("flat", "clear")}
    picture = np.zeros((1, 128, 128, 3), np.uint8)
    picture[:, 30:90, 40:100] = 200
    from PIL import Image

    lines = edges(Image.fromarray(picture[0]))
    assert following.score(picture, [lines]) == 1
    assert following.score(np.roll(picture, 9, 2), [lines]) < 0.8


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("psnr", 28.1, "dB", least=30.0), False),
        (Figure("step", 120.0, "ms", most=150.0), True),
        (Figure("distance", 0.2), None),
        (figures.share("thing", 0.91, 85.0), True),
    ],
)
def test_a_figure_knows_whether_it_is_reached(figure: Figure, reached: bool | None) -> None:
    assert figure.reached is reached


def test_the_card_gets_a_new_table_between_its_marks(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"# Card\n\n{figures.START}\nold\n{figures.END}\n\nThe end.\n")
    assert figures.put_into_card([Figure("psnr", 28.1, "dB", least=30.0), figures.share("thing", 0.914, 85.0)], card)
    text = card.read_text()
    assert "| psnr | 28.1 dB | at least 30 dB | **short** |" in text
    assert "| thing | 91.4% | at least 85% | reached |" in text
    assert "old" not in text
    assert text.endswith("\n\nThe end.\n")
    card.write_text("no marks")
    assert not figures.put_into_card([], card)
