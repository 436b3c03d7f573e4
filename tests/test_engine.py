"""The engine: joined runs, stops, faults; the next job always works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import ModelUnavailable, RequestRefused
from studio.events import Cancelled, Failed, Finished, Paused, Produced, Queued, Started, Step
from studio.gallery import infotext, pictures
from studio.models.loader import LoadedModel
from tests.conftest import painting

SMALL: dict[str, Any] = {"model": "tiny-v", "width": 64, "height": 64, "prompt": "a cat"}


@pytest.fixture(scope="module")
def studio(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One of its own: a model that runs out of memory is kept leaner from then on, and paints a little otherwise."""
    settings = Settings(models=(models,), outputs=tmp_path_factory.mktemp("outputs"), device="cpu", precision="fp32")
    with Studio(settings) as running:
        yield painting(running)


def asked(**values: Any) -> GenerationRequest:
    return GenerationRequest(**(SMALL | {"steps": 6, "seed": 3} | values))


def raising(error: Exception) -> Callable[..., Any]:
    def spoil(*_: Any) -> Any:
        raise error

    return spoil


def last(run: Run) -> object:
    return list(run)[-1]


@contextmanager
def denoiser(studio: Studio, spoil: Callable[[Any], Any]) -> Iterator[None]:
    """The tiny model with its answers passed through ``spoil``."""
    assert list(studio.submit(asked(steps=1)))
    assert studio.engine is not None
    model = studio.engine.model("tiny-v")
    compute = model.compute
    model.compute = lambda call, arguments: spoil(compute(call, arguments))  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.compute  # type: ignore[method-assign]


def test_events_come_in_order_and_every_step_can_be_seen(studio: Studio) -> None:
    run = studio.submit(asked())
    events = list(run)
    told = [type(event) for event in events]
    assert [*dict.fromkeys(told)] == [Queued, Started, Step, Produced, Finished]
    assert told[told.index(Started) :] == [Started, *[Step] * 6, Produced, Finished]
    assert [event.sequence for event in events] == list(range(len(events)))
    steps = [event for event in events if isinstance(event, Step)]
    # A preview may give way to the next one's, but never the last.
    assert steps[-1].preview is not None
    assert all(step.preview.startswith(b"\xff\xd8") for step in steps if step.preview is not None)
    assert all(step.preview.startswith(b"\xff\xd8") for step in run.steps)
    assert [step.index for step in steps] == list(range(6))
    assert [step.sigma for step in steps] == sorted((step.sigma for step in steps), reverse=True)
    assert steps[-1].left_s == 0


def test_a_kept_step_holds_what_it_took_and_made(studio: Studio) -> None:
    run = studio.submit(asked())
    assert run.result.images[0].size == (64, 64)
    first, second = run.steps[:2]
    assert first.denoised.shape == first.noisy.shape == first.latents.shape == (1, 4, 8, 8)
    assert torch.equal(first.latents, second.noisy)
    assert first.preview.startswith(b"\xff\xd8")


def test_the_picture_carries_its_request(studio: Studio) -> None:
    request = asked(negative_prompt="rain", cfg_scale=3.5, sampler="Euler a")
    run = studio.submit(request)
    fields = infotext.to_fields(infotext.parse(pictures.read_infotext(run.result.paths[0])))
    assert GenerationRequest(**fields) == request


def test_samplers_and_schedule_types_may_be_called_by_their_aliases(studio: Studio) -> None:
    run = studio.submit(asked(sampler="DPM++ 2M Karras", steps=2))
    assert (run.request.sampler, run.request.schedule) == ("DPM++ 2M", "Karras")
    assert run.result.paths
    branch = studio.branch(run, 1, sampler="k_euler_a", schedule="sgm_uniform")
    assert (branch.request.sampler, branch.request.schedule) == ("Euler a", "SGM Uniform")
    assert branch.result.paths


def test_different_jobs_share_forwards_and_stay_themselves(studio: Studio) -> None:
    requests = [
        asked(steps=9, seed=1, sampler="Euler", cfg_scale=2),
        asked(steps=6, seed=2, sampler="DPM++ 2M", prompt="a dog on a beach"),
        asked(steps=7, seed=3, sampler="Euler a"),
        asked(steps=9, seed=4, sampler="UniPC"),
    ]
    alone: list[Run] = []
    for request in requests:
        alone.append(studio.submit(request))
        assert alone[-1].result.paths
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(request) for request in requests]
    for one, other in zip(alone, together, strict=True):
        assert other.result.paths
        assert torch.allclose(one.steps[-1].latents, other.steps[-1].latents, atol=2e-3)
    assert studio.engine.forwards - before < sum(request.steps for request in requests)


def test_a_reproducible_job_is_alone_and_equal_to_the_bit(studio: Studio) -> None:
    request = asked(reproducible=True)
    first = studio.submit(request)
    crowd = [studio.submit(asked(seed=seed)) for seed in (5, 6)]
    second = studio.submit(request)
    assert first.result.paths
    assert second.result.paths
    assert all(run.result.paths for run in crowd)
    assert torch.equal(first.steps[-1].latents, second.steps[-1].latents)


def test_a_stop_takes_effect_within_one_step_and_saves_nothing(studio: Studio) -> None:
    run = studio.submit(asked(steps=150))
    seen = 0
    for event in run:
        if isinstance(event, Step) and event.index == 2:
            run.cancel()
            seen = len(run.steps)
    end = last(run)
    assert isinstance(end, Cancelled)
    assert end.steps_done <= seen + 1
    assert not any(isinstance(event, Produced) for event in run)
    assert isinstance(last(studio.submit(asked())), Finished)


def test_a_newcomer_is_painted_within_two_steps_beside_somebody_with_many_long_runs(
    models: Path, tmp_path: Path
) -> None:
    settings = Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32", concurrency=2)
    with Studio(settings) as studio:
        crowd: list[Run] = []
        newcomer: list[Run] = []
        came = threading.Event()
        before, after = 0, 0

        def watch(answer: Any) -> Any:
            nonlocal before, after
            done = max((len(run.recording) for run in crowd), default=0)
            if done >= 4 and not newcomer:
                newcomer.append(studio.submit(asked(steps=3), "bo"))
                came.set()
                before = done
            if newcomer and not newcomer[0].recording:
                after = done
            return answer

        with denoiser(studio, watch):
            for seed in range(4):
                crowd.append(studio.submit(asked(steps=150, seed=seed), "ada"))
            assert came.wait(20)
            assert newcomer[0].result.paths
            assert not any(run.ended for run in crowd)
        assert after - before <= 2


def test_a_waiting_run_is_told_its_place_and_when_it_may_begin(models: Path, tmp_path: Path) -> None:
    settings = Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32", concurrency=1)
    with Studio(settings) as studio:
        assert studio.submit(asked()).result.paths
        first, second, third = [studio.submit(asked(steps=steps, reproducible=True)) for steps in (100, 40, 3)]
        places = [event for event in third if isinstance(event, Queued)]
        assert places[0].ahead == 2 or first.ended
        assert [place.ahead for place in places] == sorted((place.ahead for place in places), reverse=True)
        assert second.ended


def test_a_waiting_job_can_be_stopped(studio: Studio) -> None:
    busy = [studio.submit(asked(steps=60, seed=seed)) for seed in range(studio.settings.concurrency)]
    waiting = studio.submit(asked())
    waiting.cancel()
    end = last(waiting)
    assert isinstance(end, Cancelled)
    assert end.steps_done == 0
    for run in busy:
        run.cancel()
        assert isinstance(last(run), Cancelled)


def test_a_run_nobody_looks_at_is_put_aside(studio: Studio) -> None:
    run = studio.submit(asked(steps=150), lease_s=0.0)
    assert isinstance(last(run), Paused)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda answer: (answer[0] * float("nan"),), "not_a_number"),
        (raising(torch.OutOfMemoryError("CUDA out of memory")), "out_of_memory"),
        (raising(RuntimeError("a broken layer")), "failed"),
    ],
)
def test_a_failing_model_is_told_and_the_next_job_works(studio: Studio, spoil: Callable[[Any], Any], code: str) -> None:
    with denoiser(studio, spoil):
        end = last(studio.submit(asked()))
    assert isinstance(end, Failed)
    assert end.code == code
    assert len(end.sentence) > 20
    assert isinstance(last(studio.submit(asked())), Finished)


def test_overflow_in_half_precision_goes_on_in_full_from_the_last_good_step(models: Path, tmp_path: Path) -> None:
    with Studio(Settings(models=(models,), outputs=tmp_path, device="cpu", precision="bf16")) as studio:
        run: list[Run] = []

        def spoil(answer: Any) -> Any:
            return (answer[0] * float("nan"),) if run and len(run[0].recording) == 3 else answer

        with denoiser(studio, spoil):
            run.append(studio.submit(asked(sampler="DPM++ 2M")))
            assert run[0].result.paths
        well = studio.submit(asked(sampler="DPM++ 2M"))
        assert well.result.paths
        assert len(run[0].steps) == len(well.steps) == 6
        assert torch.equal(run[0].steps[2].latents, well.steps[2].latents)
        assert torch.allclose(run[0].steps[5].latents, well.steps[5].latents, atol=0.1)


def test_one_ill_job_does_not_take_its_neighbours_along(studio: Studio) -> None:
    def too_much_together(answer: Any) -> Any:
        if answer[0].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer

    with denoiser(studio, too_much_together):
        runs = [studio.submit(asked(seed=seed)) for seed in range(3)]
        assert [type(last(run)) for run in runs] == [Finished] * 3


def test_a_picture_too_large_to_decode_at_once_is_decoded_in_parts(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its steps have been taken by then."""
    finished, tried = LoadedModel.finished, []

    def decoded(model: LoadedModel, *given: Any) -> Any:
        tried.append(model.family.vae.use_slicing)
        if not tried[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return finished(model, *given)

    monkeypatch.setattr(LoadedModel, "finished", decoded)
    run = studio.submit(asked(model="tiny-epsilon"))
    assert run.result.paths
    assert tried == [False, True]


def test_memory_that_runs_out_while_words_are_read_leaves_the_model_leaner(models: Path, tmp_path: Path) -> None:
    with Studio(Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32")) as studio:
        assert studio.submit(asked(model="tiny-v")).result.paths
        assert studio.engine is not None
        encoder = studio.engine.model("tiny-v").family.pipeline.text_encoder
        encoder.register_forward_pre_hook(raising(torch.OutOfMemoryError("CUDA out of memory")), with_kwargs=True)
        end = last(studio.submit(asked(model="tiny-v", prompt="another")))
        assert isinstance(end, Failed)
        assert "kept in less memory" in end.sentence
        assert studio.submit(asked(model="tiny-v")).result.paths


@pytest.mark.parametrize(("value", "end"), [(-1.0, Finished), (float("nan"), Failed)], ids=["black", "no number"])
def test_a_black_picture_is_one_and_what_is_no_picture_is_not_saved(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, value: float, end: type
) -> None:
    finished = LoadedModel.finished

    def decoded(*given: Any) -> Any:
        pictures, clips = finished(*given)
        return torch.full_like(pictures, value), clips

    monkeypatch.setattr(LoadedModel, "finished", decoded)
    run = studio.submit(asked(prompt="a black picture"))
    told = list(run)
    assert isinstance(told[-1], end)
    if isinstance(told[-1], Failed):
        assert told[-1].code == "not_a_number"
        assert not [event for event in told if isinstance(event, Produced)], "nothing is saved as if it were good"
    else:
        assert run.result.images[0].getextrema() == ((0, 0),) * 3


def test_an_unknown_model_and_a_refused_request_never_reach_the_engine(studio: Studio) -> None:
    with pytest.raises(ModelUnavailable):
        studio.submit(asked(model="../../etc"))
    with pytest.raises(RequestRefused):
        studio.submit(asked(width=63))


def test_a_full_disk_is_told(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures, "save", full)
    end = last(studio.submit(asked()))
    assert isinstance(end, Failed)
    assert "No space left" in end.sentence


def test_closing_puts_every_run_aside(models: Path, tmp_path: Path) -> None:
    studio = Studio(Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32", concurrency=1))
    runs = [studio.submit(asked(steps=150, seed=seed)) for seed in range(3)]
    studio.close()
    assert all(isinstance(last(run), Paused) for run in runs)


def test_an_entry_that_cannot_be_removed_ends_no_run_otherwise(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(studio._journal, "drop", raising(OSError(30, "Read-only file system")))
        assert isinstance(last(studio.submit(asked())), Finished)
        stopped = studio.submit(asked(steps=60))
        stopped.cancel()
        assert isinstance(last(stopped), Cancelled)
    assert isinstance(last(studio.submit(asked())), Finished)
