"""Runs and the memory their steps may take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from studio import GenerationRequest, Run, Settings, Studio
from studio.events import Finished, Step


@pytest.fixture
def small(models: Path, tmp_path: Path) -> Iterator[Studio]:
    """A studio with one megabyte for kept steps and room for few runs."""
    settings = Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32", memory_mb=1, most_runs=6)
    with Studio(settings) as running:
        yield running


def painted(studio: Studio, seed: int = 1, owner: str = "local", **values: object) -> Run:
    options = {"model": "tiny-v", "width": 128, "height": 128, "steps": 40} | values
    run = studio.submit(GenerationRequest(seed=seed, reproducible=True, **options), owner)  # type: ignore[arg-type]
    assert run.result.paths
    return run


def settled(studio: Studio) -> None:
    """Wait until what is done behind the painting is done."""
    assert studio.engine is not None
    studio.engine._behind.submit(lambda: None).result()


def test_steps_beyond_the_budget_go_to_files_and_come_back(small: Studio) -> None:
    first = painted(small, 1)
    before = [step.latents.clone() for step in first.steps]
    previews = [step.draft for step in first.steps]
    others = [painted(small, seed) for seed in range(2, 6)]
    settled(small)
    gauge = small.runs.gauge
    assert gauge.used <= gauge.budget
    assert gauge.on_disk > 0
    assert first.recording.on_disk
    assert not others[-1].recording.on_disk
    assert len(first.recording) == len(first.steps) == 40
    assert all(map(torch.equal, before, (step.latents for step in first.steps)))
    assert [step.draft for step in first.steps] == previews
    assert not first.recording.on_disk


def test_a_branch_of_a_run_on_disk_is_identical(small: Studio) -> None:
    first = painted(small, 1, sampler="Euler a")
    last = first.steps[-1].latents
    for seed in range(2, 6):
        painted(small, seed)
    settled(small)
    assert first.recording.on_disk
    branch = small.branch(first, 7)
    assert branch.result.paths
    assert torch.equal(branch.steps[-1].latents, last)


def test_events_of_a_run_on_disk_hold_no_pictures(small: Studio) -> None:
    first = painted(small, 1)
    assert any(isinstance(event, Step) and event.preview for event in first)
    for seed in range(2, 6):
        painted(small, seed)
    settled(small)
    assert not any(isinstance(event, Step) and event.preview for event in first)
    assert isinstance(list(first)[-1], Finished)


def test_the_tree_not_looked_at_for_longest_is_forgotten(small: Studio) -> None:
    first = painted(small, 1, steps=2)
    kept = painted(small, 2, steps=3)
    assert small.branch(kept, 1).result.paths
    for seed in range(3, 7):
        painted(small, seed, steps=2)
    settled(small)
    assert small.runs.gauge.runs <= 6
    assert small.runs.find(first.id, "local") is None
    assert small.runs.find(kept.id, "local") is kept


def test_of_what_takes_too_much_disk_the_longest_not_looked_at_is_forgotten(
    small: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = painted(small, 1), painted(small, 2)
    for seed in range(3, 6):
        painted(small, seed)
    settled(small)
    assert first.recording.on_disk
    assert second.recording.on_disk
    monkeypatch.setattr(small.runs, "_disk", first.recording.file_bytes)
    last = painted(small, 6)
    settled(small)
    assert small.runs.find(first.id, "local") is None
    assert small.runs.find(last.id, "local") is last
    assert sum(run.recording.file_bytes for run in small.runs.of("local")) <= small.runs._disk
    assert len(first.result.images) == 1, "its picture stays"


def test_runs_are_found_by_their_owner_alone(small: Studio) -> None:
    mine, yours = painted(small, 1, "me", steps=1), painted(small, 2, "you", steps=1)
    assert small.runs.of("me") == [mine]
    assert small.runs.find(mine.id, "me") is mine
    assert small.runs.find(yours.id, "me") is None


def test_a_tree_is_all_that_branches_connect(small: Studio) -> None:
    root, alone = painted(small, 1, steps=3), painted(small, 2, steps=1)
    branch = small.branch(root, 1)
    assert branch.result.paths
    twig = small.branch(branch, 2, prompt="a dog")
    assert twig.result.paths
    assert small.runs.tree(twig) == small.runs.tree(root) == [root, branch, twig]
    assert small.runs.tree(alone) == [alone]


def test_many_runs_do_not_grow_the_process(small: Studio) -> None:
    for seed in range(30):
        painted(small, seed, steps=3)
        settled(small)
        assert small.runs.gauge.runs <= 6
        assert small.runs.gauge.used <= small.runs.gauge.budget


def test_a_run_larger_than_the_budget_is_read_back_once_and_stays_while_it_is_looked_at(small: Studio) -> None:
    run = painted(small, width=256, height=256, steps=80)
    settled(small)
    assert run.recording.nbytes == 0
    looked = [run.steps for _ in range(3)]
    assert run.recording.nbytes > small.runs.gauge.budget
    assert looked[0][7] is looked[2][7]
    painted(small, 2)
    settled(small)
    assert run.recording.on_disk


def test_steps_that_come_back_and_runs_that_are_opened_push_others_out(small: Studio, tmp_path: Path) -> None:
    runs = [painted(small, seed) for seed in range(5)]
    settled(small)
    for run in (*runs, *reversed(runs)):
        assert run.steps
        assert small.runs.gauge.used <= small.runs.gauge.budget
        assert not run.recording.on_disk
    runs[0].save(tmp_path / "run.stepwise")
    for _ in range(8):
        small.open(tmp_path / "run.stepwise")
        assert small.runs.gauge.used <= small.runs.gauge.budget
        assert small.runs.gauge.runs <= 6
