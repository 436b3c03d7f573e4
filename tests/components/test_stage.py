"""The stage's view: what a run's events make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import unquote

from components.stage import View
from studio import GenerationRequest, Studio
from studio.events import Cancelled, Event, Failed, Finished, Produced, Queued, Started, Step
from studio.request import Branch


def step(index: int, preview: bytes | None = b"jpeg") -> Step:
    return Step(
        run="r", index=index, total=3, sigma=2.0 - index, timestep=9.0, elapsed_s=1.0, left_s=2.0, preview=preview
    )


def seen(*events: Event) -> dict[str, object]:
    return View(GenerationRequest(width=192, height=96, batch_size=2)).take(events)


def test_a_view_starts_waiting_and_knows_the_pictures_shape() -> None:
    value = seen(Queued(run="r", ahead=2))
    assert (value["state"], value["ratio"], value["run"]) == ("queued", 4.0, "r")
    assert "2 before it" in str(value["message"])


def test_steps_gather_in_order_and_a_dropped_preview_leaves_its_place() -> None:
    value = seen(Started(run="r", steps=3, evaluations=3), step(0), step(1, preview=None), step(2))
    assert value["state"] == "painting"
    assert value["total"] == 3
    steps = value["steps"]
    assert isinstance(steps, list)
    assert [bool(entry["src"]) for entry in steps] == [True, False, True]
    assert [entry["sigma"] for entry in steps] == [2.0, 1.0, 0.0]


def test_each_step_has_the_words_it_was_painted_with_those_shared_with_another_run_too() -> None:
    before = GenerationRequest(prompt="[a:b:1]", steps=4)
    view = View(dataclasses.replace(before, prompt="c", branch=Branch(request=before, at=2)))
    steps = view.take([Started(run="r", steps=4, evaluations=4), *map(step, range(4))])["steps"]
    assert [entry["words"] for entry in steps] == ["a", "b", "c", "c"]


def test_every_end_is_told() -> None:
    assert seen(Finished(run="r", elapsed_s=1.25))["message"] == "painted in 1.2 s"
    assert seen(Failed(run="r", code="failed", sentence="Do this."))["message"] == "Do this."
    assert seen(Cancelled(run="r", steps_done=4))["state"] == "stopped"


def test_a_film_is_for_whoever_paints_and_not_for_those_who_watch(tmp_path: Path) -> None:
    film = tmp_path / "film of mine.mp4"
    film.write_bytes(b"film")
    made = Produced(run="r", index=0, path=film.with_suffix(".png"), seed=1, infotext="", clip=film)
    request = GenerationRequest(frames=5)
    assert View(request).take([made])["clips"] == []
    (address,) = View(request, "token").take([made])["clips"]
    assert address.startswith("gradio_api/file=")
    copy = Path(unquote(address.partition("=")[2]))
    assert copy.read_bytes() == b"film"
    assert tmp_path not in copy.parents
    assert View(request).value["kind"] == "film"


def test_steps_without_a_preview_are_developed_however_long_it_takes(studio: Studio) -> None:
    run = studio.submit(GenerationRequest(steps=3, seed=1))
    assert run.result.paths
    view = View(run.request)
    view.take([Started(run="r", steps=3, evaluations=3), step(0), step(1, preview=None), step(2)])
    developed = list(view.developed(run, budget_s=0))[-1]["steps"]
    assert [entry.get("full", False) for entry in developed] == [False, True, False]
    developed = list(view.developed(run, budget_s=60))[-1]["steps"]
    assert all(entry["full"] for entry in developed)
