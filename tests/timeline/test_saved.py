"""Saved runs come back whole and go on to the bit; files that are none are told."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import NothingToBranch, StudioError, UnreadableRun
from studio.events import Step
from studio.presets import SAMPLERS

STEPS = 5


def painted(studio: Studio, sampler: str = "DPM++ 2M", **values: object) -> Run:
    known = {"prompt": "a cat", "model": "tiny-v", "seed": 7, "width": 64, "height": 64, "steps": STEPS}
    options = known | values
    request = GenerationRequest(sampler=sampler, reproducible=True, **options)  # type: ignore[arg-type]
    run = studio.submit(request)
    assert run.result.paths
    return run


@pytest.fixture
def saved(studio: Studio, tmp_path: Path) -> Path:
    run = painted(studio)
    run.name, run.note = "mine", "the good one"
    run.save(tmp_path / "run.stepwise")
    return tmp_path / "run.stepwise"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_saved_run_goes_on_to_the_bit_from_every_step(studio: Studio, tmp_path: Path, sampler: str) -> None:
    run = painted(studio, sampler)
    run.save(tmp_path / "run.stepwise")
    opened = studio.open(tmp_path / "run.stepwise")
    for at in range(1, len(run.steps)):
        branch = studio.branch(opened, at)
        assert branch.result.paths
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"


def test_it_goes_on_after_a_restart(studio: Studio, models: Path, tmp_path: Path) -> None:
    run = painted(studio, "DPM++ SDE")
    changed = studio.branch(run, 4, sampler="Heun", remaining=3)
    assert changed.result.paths
    changed.save(tmp_path / "run.stepwise")
    with Studio(Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32")) as restarted:
        opened = restarted.open(tmp_path / "run.stepwise")
        branch = restarted.branch(opened, len(opened.steps) - 2)
        assert branch.result.paths
        assert torch.equal(branch.steps[-1].latents, changed.steps[-1].latents)


@pytest.mark.parametrize("changes", [{"remaining": 2}, {"sampler": "Euler"}, {"noise_seed": 5}, {"cfg_scale": 2.0}])
def test_an_opened_branch_is_branched_before_its_change_as_it_was_in_its_tree(
    studio: Studio, tmp_path: Path, changes: dict[str, Any]
) -> None:
    run = painted(studio, "DPM++ SDE", steps=8)
    once = studio.branch(run, 5, **changes)
    assert once.result.paths
    twice = studio.branch(once, 7, sampler="Heun", remaining=2)
    assert twice.result.paths
    twice.save(tmp_path / "run.stepwise")
    opened = studio.open(tmp_path / "run.stepwise")
    ways: list[dict[str, Any]] = [{}, {"sampler": "DDIM", "remaining": 3}]
    for at in (2, 5, 6, 7, 8):
        for leaving in ways:
            live, back = (studio.branch(each, at, **leaving) for each in (twice, opened))
            assert live.result.paths
            assert back.result.paths
            assert live.request == back.request
            assert torch.equal(live.steps[-1].latents, back.steps[-1].latents), f"from step {at}"


def test_everything_comes_back(studio: Studio, saved: Path) -> None:
    opened = studio.open(saved)
    assert (opened.name, opened.note, len(opened.steps)) == ("mine", "the good one", STEPS)
    assert opened.ended
    assert [event.index for event in opened if isinstance(event, Step)] == list(range(STEPS))
    assert all(step.draft for step in opened.steps)
    assert opened.steps[2].preview.startswith(b"\xff\xd8")


def test_a_paused_run_is_saved_and_goes_on(studio: Studio, tmp_path: Path) -> None:
    whole = painted(studio, "Euler a", steps=60)
    run = studio.submit(whole.request)
    for event in run:
        if isinstance(event, Step):
            run.pause()
    run.save(tmp_path / "run.stepwise")
    opened = studio.open(tmp_path / "run.stepwise")
    assert opened.paused
    went_on = studio.go_on(opened)
    assert went_on.result.paths
    assert torch.equal(went_on.steps[-1].latents, whole.steps[-1].latents)


def test_a_run_that_is_painted_cannot_be_saved(studio: Studio, tmp_path: Path) -> None:
    run = studio.submit(GenerationRequest(steps=100))
    with pytest.raises(StudioError, match="still being painted"):
        run.save(tmp_path / "run.stepwise")
    run.cancel()
    assert list(run)
    assert not list(tmp_path.iterdir())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999))
def test_a_truncated_file_is_told(studio: Studio, saved: Path, share: float) -> None:
    broken = saved.with_name("broken.stepwise")
    content = saved.read_bytes()
    broken.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnreadableRun):
        studio.open(broken)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), bytes_=st.binary(min_size=1, max_size=12), head=st.booleans())
def test_a_damaged_file_gives_a_run_or_a_sentence(
    studio: Studio, saved: Path, place: float, bytes_: bytes, head: bool
) -> None:
    content = bytearray(saved.read_bytes())
    at = int(place * ((20_000 if head else len(content)) - len(bytes_)))
    content[at : at + len(bytes_)] = bytes_
    broken = saved.with_name("broken.stepwise")
    broken.write_bytes(content)
    try:
        opened = studio.open(broken)
    except StudioError:
        return
    studio.runs.forget(opened)


def test_a_pickle_is_refused_unread(studio: Studio, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (ran,)  # type: ignore[return-value]

    (tmp_path / "run.stepwise").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(UnreadableRun):
        studio.open(tmp_path / "run.stepwise")
    assert not ran.exists()


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ('"version": 1', '"version": 2', "another version"),
        ('"evaluations": 5', '"evaluations": "x"', "broken"),
        ("a cat", "a cat" + "!" * 9000, "too long"),
        ("tiny-v", "absent", "no model of that name"),
    ],
)
def test_what_a_header_says_is_checked(studio: Studio, saved: Path, key: str, value: str, error: str) -> None:
    rewrite(saved, key, value)
    with pytest.raises(StudioError, match=error):
        studio.open(saved)


def test_a_scheduler_takes_only_what_is_its_own(studio: Studio, saved: Path) -> None:
    rewrite(saved, '"_step_index"', '"set_timesteps"')
    with pytest.raises(StudioError, match="do not belong to its sampler"):
        assert studio.branch(studio.open(saved), 2).result


def test_other_weights_are_told(studio: Studio, saved: Path) -> None:
    opened = studio.open(saved)
    opened.weights_hash = lambda: "0123456789"
    branch = studio.branch(opened, 2)
    with pytest.raises(StudioError, match="other weights"):
        assert branch.result
    with pytest.raises(NothingToBranch):
        studio.branch(opened, STEPS)


def rewrite(path: Path, key: str, value: str) -> None:
    """Change the header's text."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        header = file.metadata()["stepwise"]
    assert key in header
    save_file(load_file(path), path, {"stepwise": header.replace(key, value)})
