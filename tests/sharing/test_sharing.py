"""What runs take from a person's day."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from studio import GenerationRequest, Run, Studio
from studio.diffusion.midway import Midway
from studio.events import Step
from studio.request import Branch
from studio.sharing.sharing import Sharing

ASKED = GenerationRequest(prompt="a cat", seed=1, width=64, height=64, steps=10)
A_STEP = 64 * 64


def used(run: Run, folder: Path) -> int:
    sharing = Sharing(folder)
    sharing.admit(run)
    return sharing.used(run.owner)


def branch(parent: Run, at: int, **changes: object) -> Run:
    left = Branch(request=parent.request, at=at)
    return Run(dataclasses.replace(parent.request, branch=left, **changes), "ada", parent=parent)  # type: ignore[arg-type]


def test_a_run_takes_all_its_steps(tmp_path: Path) -> None:
    assert used(Run(ASKED, "ada"), tmp_path) == 10 * A_STEP


@pytest.mark.parametrize(("sampler", "at", "left"), [("Euler", 4, 6), ("Heun", 4, 8), ("Heun", 18, 1), ("PLMS", 5, 6)])
def test_a_branch_takes_the_samplers_steps_that_are_left(tmp_path: Path, sampler: str, at: int, left: int) -> None:
    parent = Run(dataclasses.replace(ASKED, sampler=sampler), "ada")
    assert used(branch(parent, at), tmp_path) == left * A_STEP


def test_so_does_one_of_a_run_that_began_with_a_picture_or_in_which_another_sampler_took_over(tmp_path: Path) -> None:
    from_picture = Run(dataclasses.replace(ASKED, image="sun.png", strength=0.5), "ada")
    assert used(branch(from_picture, 2), tmp_path / "one") == (10 - from_picture.request.skipped - 2) * A_STEP
    assert used(branch(from_picture, 0), tmp_path / "all") == used(from_picture, tmp_path / "picture") == 5 * A_STEP
    taken_over = branch(Run(dataclasses.replace(ASKED, sampler="Heun"), "ada"), 4, sampler="Euler")
    taken_over.midway = Midway(1.0, 2, 4)
    assert used(branch(taken_over, 7), tmp_path / "two") == (10 - 2 - 3) * A_STEP


@pytest.fixture
def left_midway(studio: Studio) -> Run:
    run = studio.submit(dataclasses.replace(ASKED, steps=100), "ada", draft=True)
    next(event for event in run if isinstance(event, Step))
    run.cancel()
    assert list(run)
    return run


def test_what_was_painted_and_forgotten_has_been_painted(studio: Studio, left_midway: Run) -> None:
    painted = len(left_midway.recording)
    studio.runs.forget(left_midway)
    assert studio.sharing.used("ada") == painted * A_STEP
