"""Models in memory: loaded behind what is being painted, let go for others, leaner after memory ran out."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import io
import itertools
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import GenerationFailed, ModelUnavailable
from studio.events import Started, Step
from studio.gallery.pictures import read_infotext
from studio.models import shelf
from studio.models.library import EMBEDDED
from studio.models.loader import LoadedModel, load
from studio.models.memory import FOUR_BITS, INTEGERS, WHOLE
from tests.tiny_families import flux
from tests.tiny_models import stable_diffusion

KIB = 2**10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shelf")
    for name in ("one", "two", "three"):
        stable_diffusion(made / name)
    return made


@pytest.fixture
def open_studio(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    opened: list[Studio] = []

    def make(**more: Any) -> Studio:
        settings = Settings(models=(folder,), outputs=tmp_path / "out", device="cpu", precision="fp32", **more)
        opened.append(Studio(settings))
        assert opened[-1].submit(GenerationRequest(steps=1)).result.paths
        return opened[-1]

    yield make
    for studio in opened:
        studio.close()


def asked(model: str, **values: Any) -> GenerationRequest:
    return GenerationRequest(model=model, **({"steps": 3, "seed": 1, "width": 64, "height": 64} | values))


@contextmanager
def held_up(name: str) -> Iterator[threading.Event]:
    """Loading that model waits for the event."""
    go_on = threading.Event()

    def slow(source: Any, model: str, *rest: Any) -> LoadedModel:
        if model == name:
            assert go_on.wait(60)
        return load(source, model, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "load", slow)
        try:
            yield go_on
        finally:
            go_on.set()


def started(run: Run) -> bool:
    return any(isinstance(event, Started) for event in run.events_after(0))


def loaded(studio: Studio) -> list[str]:
    assert studio.engine is not None
    return [model.name for model in studio.engine.shelf.held]


def test_one_model_paints_while_another_is_loaded(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio()
    with held_up("one") as go_on:
        waits = studio.submit(asked("one"))
        assert studio.submit(GenerationRequest(steps=3), owner="somebody").result.paths
        assert not started(waits)
        go_on.set()
        assert waits.result.paths


def test_a_model_nobody_wants_any_more_is_not_loaded_to_its_end(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio()
    with held_up("one") as go_on:
        run = studio.submit(asked("one"))
        assert studio.submit(GenerationRequest(steps=2), owner="somebody").result.paths
        run.cancel()
        list(run)
        go_on.set()
        assert studio.submit(asked("two")).result.paths
        assert "one" not in loaded(studio)
    assert studio.submit(asked("one")).result.paths


def test_a_model_paints_before_its_files_are_hashed(
    open_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    studio, go_on = open_studio(), threading.Event()
    hashes = studio.library.hashes
    compute = hashes.compute

    def slow(path: Path, *stopped: Callable[[], bool]) -> str:
        assert go_on.wait(60)
        return compute(path, *stopped)

    monkeypatch.setattr(hashes, "compute", slow)
    run = studio.submit(asked("one"))
    try:
        assert [event for event in itertools.islice(run, 5) if isinstance(event, Step)]
    finally:
        go_on.set()
    weights = (folder / "one" / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    told = hashlib.sha256(hashlib.sha256(weights).digest()).hexdigest()[:10]
    assert f"Model hash: {told}" in read_infotext(run.result.paths[0])


def test_the_one_used_longest_ago_makes_room(open_studio: Callable[..., Studio], one_fits: float) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    for name in ("one", "two", "one", "three"):
        assert studio.submit(asked(name)).result.paths
        assert loaded(studio) == [EMBEDDED, name]


@pytest.fixture
def one_fits(monkeypatch: pytest.MonkeyPatch, folder: Path) -> float:
    """Gigabytes that are enough for one of the tiny models and not for two."""
    from studio.models import memory, weights
    from studio.models.library import Source

    monkeypatch.setattr(memory, "WORKING", dict.fromkeys(memory.WORKING, 0))
    held = weights.weigh(Source(folder / "one")).held(memory.WHOLE, "fp32")
    return 1.5 * held / memory.GIB


def test_what_is_let_go_is_gone_and_its_steps_can_still_be_seen(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    run = studio.submit(asked("one"))
    assert run.result.paths
    assert studio.engine is not None
    gone = weakref.ref(next(model for model in studio.engine.shelf.held if model.name == "one").denoiser)
    assert studio.submit(asked("two")).result.paths
    gc.collect()
    assert gone() is None
    run.steps[0].pictures.clear()
    assert run.steps[0].preview
    branch = studio.branch(run, 1)
    assert branch.result.paths
    assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


def test_others_paint_while_a_step_of_what_was_let_go_is_looked_at(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    run = studio.submit(asked("one", prompt="fox"))
    assert run.result.paths
    assert studio.submit(asked("two")).result.paths
    run.steps[0].pictures.clear()
    with held_up("one") as go_on, ThreadPoolExecutor(2) as lookers:
        preview, words = lookers.submit(lambda: run.steps[0].preview), lookers.submit(studio.words, run, 0)
        assert studio.submit(GenerationRequest(steps=3), owner="somebody").result.paths
        assert not preview.done()
        assert not words.done()
        go_on.set()
        assert preview.result(60)
        assert [each.word for each in words.result(60)] == ["fox"]


def test_a_model_that_has_no_room_waits_until_another_is_done_with(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    ended: list[str] = []
    dropped = studio._ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio, "_ended", lambda run, end: ended.append(run.id) or dropped(run, end))  # type: ignore[func-returns-value]
        long = studio.submit(asked("one", steps=40))
        next(event for event in long if isinstance(event, Started))
        other = studio.submit(asked("two"))
        behind = studio.submit(asked("one"), owner="somebody")
    assert other.result.paths
    assert behind.result.paths
    assert ended.index(long.id) < ended.index(other.id) < ended.index(behind.id)


def test_nobody_waits_for_a_look_at_what_has_no_room_and_a_look_for_no_model_that_waits(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    gone = studio.submit(asked("two"))
    assert gone.result.paths
    gone.steps[0].pictures.clear()
    long = studio.submit(asked("one", prompt="fox", steps=150))
    next(event for event in long if isinstance(event, Step))
    with ThreadPoolExecutor(1) as looker:
        look = looker.submit(lambda: gone.steps[0].preview)
        assert studio.submit(GenerationRequest(steps=2), owner="somebody").result.paths
        assert look.result(60)
        assert not long.ended
    waits = studio.submit(asked("three"))
    next(event for event in long if studio.engine and studio.engine.shelf.waits_for == "three")
    assert studio.words(long, 0)
    assert studio.noised(Image.new("RGB", (64, 64)), 500).latents
    assert not long.ended
    long.cancel()
    assert waits.result.paths
    assert gone.steps[0].preview


def test_nobody_waits_for_a_model_that_is_behind_another_in_its_line(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    long = studio.submit(asked("one", steps=150))
    next(event for event in long if isinstance(event, Step))
    waits = studio.submit(asked("two"))
    next(event for event in long if studio.engine and studio.engine.shelf.waits_for == "two")
    behind = [studio.submit(asked(name)) for name in ("one", "two")]
    waits.cancel()
    long.cancel()
    assert all(run.result.paths for run in behind)


def test_two_models_asked_for_at_once_take_turns_for_the_room(
    open_studio: Callable[..., Studio], one_fits: float
) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    with held_up("one") as go_on:
        first = studio.submit(asked("one", steps=2), owner="somebody")
        second = studio.submit(asked("two", steps=2))
        assert studio.submit(GenerationRequest(steps=2), owner="a third").result.paths
        go_on.set()
        together: set[tuple[str, ...]] = set()
        for run in (first, second):
            for _ in run:
                together.add(tuple(loaded(studio)))
    assert first.result.paths
    assert second.result.paths
    assert not any({"one", "two"} <= set(names) for names in together)


def test_a_model_is_in_use_until_its_picture_is_decoded(
    open_studio: Callable[..., Studio], one_fits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, go_on = open_studio(model_memory_gb=one_fits, previews=False), threading.Event()
    assert studio.engine is not None
    output = studio.engine._output
    finish = output.finish

    def slow(active: Any) -> None:
        assert go_on.wait(60)
        finish(active)

    monkeypatch.setattr(output, "finish", slow)
    beside = studio.submit(GenerationRequest(steps=150), owner="somebody")
    run = studio.submit(asked("one", steps=2))
    next(event for event in beside if len(run.recording) == 2)
    other = studio.submit(asked("two"))
    next(event for event in beside if studio.engine and studio.engine.shelf.waits_for == "two")
    assert "one" in loaded(studio)
    go_on.set()
    beside.cancel()
    assert run.result.paths
    assert other.result.paths


def test_a_look_leaves_no_model_worse_off(open_studio: Callable[..., Studio], one_fits: float) -> None:
    studio = open_studio(model_memory_gb=one_fits)
    gone = studio.submit(asked("two"))
    assert gone.result.paths
    gone.steps[0].pictures.clear()
    long = studio.submit(asked("one", steps=150))
    next(event for event in long if isinstance(event, Step))
    assert gone.steps[0].preview
    assert studio.engine is not None
    assert studio.engine.model("two").plan.name == "fp8"
    long.cancel()
    assert studio.submit(asked("two")).result.paths
    assert studio.engine.model("two").plan.name == WHOLE


def test_after_memory_ran_out_the_next_try_is_leaner(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio()
    assert studio.engine is not None
    assert studio.submit(asked("one")).result.paths
    model = studio.engine.model("one")

    def no_room(*_: Any) -> Any:
        raise torch.OutOfMemoryError("no room")

    vars(model)["compute"] = no_room
    failed = studio.submit(asked("one"))
    with pytest.raises(GenerationFailed, match="kept in less memory"):
        _ = failed.result
    again = studio.submit(asked("one"))
    assert again.result.paths
    leaner = studio.engine.model("one")
    assert leaner is not model
    assert leaner.plan.name == "fp8"


def test_eight_bits_take_a_quarter_of_the_memory_and_paint_nearly_the_same(open_studio: Callable[..., Studio]) -> None:
    whole, small = open_studio(), open_studio(memory_plan="fp8")
    runs = [studio.submit(asked("one", steps=2, reproducible=True)) for studio in (whole, small)]
    assert all(run.result.paths for run in runs)
    difference = (runs[0].steps[-1].latents - runs[1].steps[-1].latents).abs().mean()
    assert 0 < difference < 0.2 * runs[0].steps[-1].latents.abs().mean()
    sizes = []
    for studio in (whole, small):
        assert studio.engine is not None
        parameters = studio.engine.model("one").denoiser.parameters()
        sizes.append(sum(each.numel() * each.element_size() for each in parameters))
    assert sizes[1] < 0.45 * sizes[0]


@pytest.mark.parametrize(
    ("asked_for", "package", "share"), [(INTEGERS, "torchao", 0.6), (FOUR_BITS, "bitsandbytes", 0.5)]
)
def test_quantized_it_takes_less_memory_and_paints_nearly_the_same_where_the_package_is(
    tmp_path: Path, asked_for: str, package: str, share: float
) -> None:
    flux(tmp_path / "models" / "flux", told=False)
    request = GenerationRequest(
        model="flux", prompt="a cat", seed=3, steps=2, sampler="Euler", cfg_scale=1.0, width=64, height=64,
        reproducible=True,
    )  # fmt: skip
    runs, sizes = [], []
    for plan in (WHOLE, asked_for):
        models, outputs = (tmp_path / "models",), tmp_path / plan
        settings = Settings(models=models, outputs=outputs, device="cpu", precision="fp32", memory_plan=plan)
        with Studio(settings) as studio:
            studio.library.rescan()
            runs.append(studio.submit(request))
            if plan == asked_for and importlib.util.find_spec(package) is None:
                with pytest.raises(GenerationFailed, match=f"pip install {package}"):
                    _ = runs[-1].result
                return
            assert runs[-1].result.paths
            assert studio.engine is not None
            file = io.BytesIO()
            torch.save(studio.engine.model("flux").denoiser.state_dict(), file)
            sizes.append(file.tell())
    whole, small = (run.steps[-1].latents for run in runs)
    assert 0 < (whole - small).abs().mean() < 0.3 * whole.abs().mean()
    assert sizes[1] < share * sizes[0]


def test_what_does_not_fit_at_all_is_told_and_the_next_job_works(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio(model_memory_gb=0.5)
    with pytest.raises(GenerationFailed, match="GB of memory"):
        _ = studio.submit(asked("one")).result
    assert studio.submit(GenerationRequest(steps=1)).result.paths


def test_progress_is_told_in_bytes(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio()
    told: list[str] = []
    vars(studio.status)["tell"] = told.append
    assert studio.submit(asked("one")).result.paths
    assert any(message.startswith("loading one · 100% of 0.0 GB") for message in told)
    assert "all of it on the CPU in fp32" in studio.status.state.plan


def test_a_model_whose_files_vanish_is_told_and_the_next_job_works(
    open_studio: Callable[..., Studio], folder: Path
) -> None:
    stable_diffusion(folder / "gone")
    studio = open_studio()
    studio.library.rescan()
    shutil.rmtree(folder / "gone" / "unet")
    shutil.rmtree(folder / "gone" / "vae")
    shutil.rmtree(folder / "gone")
    with pytest.raises((GenerationFailed, ModelUnavailable), match="'gone'") as told:
        _ = studio.submit(asked("gone")).result
    assert str(folder) not in str(told.value)
    assert studio.submit(asked("one")).result.paths
