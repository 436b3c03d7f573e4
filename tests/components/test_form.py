"""The form: what the widgets ask for, and a request brought back into them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from gradio.utils import get_upload_folder
from PIL import Image

from components import controls, drawing
from components.bindings import SKIP, Bindings
from components.drawing import LINES, OFF, OWN, PICTURE
from components.form import Form, fields_of
from components.visitors import Visitors
from studio import GenerationRequest, Settings, Studio, limits
from studio.canvas import preprocess
from studio.errors import RequestRefused
from studio.events import Step
from studio.models.library import EMBEDDED, EMBEDDED_CONTROL
from studio.presets import FITTING
from studio.request import ControlUnit, Inpaint
from tests.components.test_visitors import request

ADA, EVE = "user-ada", "user-eve"
Values = Callable[..., tuple[Any, ...]]


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    """Every widget's first value, by its name."""
    with gr.Blocks(analytics_enabled=False):
        panel, _ = drawing.build([EMBEDDED_CONTROL])
        column, _ = controls.build([EMBEDDED], panel)
    first = {name: widget.value for name, widget in column.named()} | {"negative_prompt": "", "styles": []}
    return {name: first[name] for name in column.names}


@pytest.fixture
def values(defaults: dict[str, Any]) -> Values:
    def changed(**given: Any) -> tuple[Any, ...]:
        return tuple((defaults | given).values())

    return changed


@pytest.fixture
def form(studio: Studio, defaults: dict[str, Any]) -> Form:
    return Form(studio, tuple(defaults))


def layers(tmp_path: Path, **pictures: Image.Image) -> str:
    """What an open canvas of 128 px says."""
    folder = Path(get_upload_folder()) / tmp_path.name
    folder.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"width": 128, "height": 128, "extended": False}
    for name in ("picture", "mask", "sketch"):
        path = folder / f"{name}.png"
        if name in pictures:
            pictures[name].save(path)
        told[name] = str(path) if name in pictures else ""
    return json.dumps(told)


def photo(colour: str = "#204060") -> Image.Image:
    made = Image.new("RGB", (128, 128), colour)
    made.paste("#f0a84b", (40, 40, 90, 90))
    return made


def test_a_unit_follows_its_own_picture_on_an_empty_canvas(form: Form, values: Values, tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    photo().save(own)
    given = values(**{"layers": layers(tmp_path), "0.source": OWN, "0.own": str(own)})
    (unit,) = form.asked(given, ADA).request.control
    assert unit.model == EMBEDDED_CONTROL


def test_a_map_is_taken_once_however_often_the_form_is_read(
    form: Form, values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, take = [], preprocess.control_map

    def counted(name: str, image: Image.Image) -> Image.Image:
        taken.append(name)
        return take(name, image)

    monkeypatch.setattr(preprocess, "control_map", counted)
    told = layers(tmp_path, picture=photo())
    given = values(**{"layers": told, "0.source": PICTURE, "0.preprocessor": "Invert (dark lines on light)"})
    first, second = form.asked(given, ADA).request, form.asked(given, ADA).request
    assert first.control == second.control
    assert form.map_of(0, given, ADA) is not None
    assert len(taken) == 1
    assert form.asked(given, EVE).request.control == first.control


def test_a_canvas_is_read_once_however_often_the_form_is_read(
    form: Form, studio: Studio, values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, add = [], studio.inputs.add_file
    monkeypatch.setattr(studio.inputs, "add_file", lambda path: read.append(path) or add(path))  # type: ignore[func-returns-value]
    given = values(layers=layers(tmp_path, picture=photo(), mask=Image.new("L", (128, 128), 255)), start_on=True)
    first, second = form.asked(given, ADA).request, form.asked(given, ADA).request
    assert (first.image, first.inpaint) == (second.image, second.inpaint)
    assert len(read) == 2
    assert form.asked(given, EVE).request.image == first.image
    assert studio.collection.may_use(first.image, EVE)


def test_settings_bring_nobody_elses_pictures(form: Form, studio: Studio, defaults: dict[str, Any]) -> None:
    """The names of pictures are in the infotext of what was made from them, for everybody to read."""
    picture, mask = (studio.collection.bring(photo(colour), ADA) for colour in ("#123456", "#ffffff"))
    asked = GenerationRequest(
        image=picture, inpaint=Inpaint(mask=mask), control=(ControlUnit(model=EMBEDDED_CONTROL, image=picture),)
    )
    assert all(form.sent(fields_of(asked), ADA))
    assert form.sent(fields_of(asked), EVE) == (None, None)
    hers, others = (dict(zip(defaults, form.filled(fields_of(asked), owner), strict=True)) for owner in (ADA, EVE))
    assert hers["0.source"] == OWN
    assert others["0.source"] == LINES
    assert picture not in str(others["0.own"])


def test_settings_without_a_control_net_leave_none_of_the_last(form: Form, defaults: dict[str, Any]) -> None:
    filled = dict(zip(defaults, form.filled(fields_of(GenerationRequest()), ADA), strict=True))
    assert [filled[f"{number}.source"] for number in range(3)] == [LINES, OFF, OFF]


def test_a_model_that_edits_is_told_no_strength(
    form: Form, values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = values(layers=layers(tmp_path, picture=photo()), strength=0.05, steps=4)
    assert form.asked(given, ADA).request.strength == 0.05
    monkeypatch.setitem(FITTING, EMBEDDED, dataclasses.replace(FITTING[EMBEDDED], edits=True))
    asked = form.asked(given, ADA).request
    limits.check(asked)  # which four steps of so little strength would not pass
    assert asked.image


def test_styles_are_in_the_prompt_and_a_chosen_prompt_is_no_change(
    studio: Studio, form: Form, values: Values, defaults: dict[str, Any]
) -> None:
    given = values(prompt="a {red|blue} cat", styles=["Night"], steps=2, clip_skip=2)
    asked = form.asked(given, ADA).request
    assert (asked.prompt, asked.clip_skip) == ("a {red|blue} cat at night", 2)
    run = studio.submit(asked, ADA)
    list(run)
    assert run.request.prompt in ("a red cat at night", "a blue cat at night")
    assert "prompt" not in form.changes(run, given)
    changed = form.changes(run, values(prompt="a dog", clip_skip=1))
    assert (changed["prompt"], changed["clip_skip"]) == ("a dog", 1)
    filled = dict(zip(defaults, form.filled(fields_of(run.request), ADA), strict=True))
    assert (filled["prompt"], filled["styles"]) == (run.request.prompt, [])
    assert (filled["clip_skip"].value, filled["clip_skip"].visible) == (2, True)


def test_a_branch_of_noise_is_told_why_it_takes_no_mask(
    studio: Studio, form: Form, values: Values, tmp_path: Path
) -> None:
    run = studio.submit(GenerationRequest(steps=2))
    list(run)
    told = layers(tmp_path, picture=photo(), mask=Image.new("L", (128, 128), 255))
    with pytest.raises(RequestRefused, match="started from noise"):
        form.changes(run, values(layers=told))
    assert "prompt" in form.changes(run, values(prompt="a boat"))


def test_a_loop_takes_the_strength_that_is_set_though_it_began_from_noise(
    studio: Studio, form: Form, values: Values
) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    for _ in made.paint(request(tab="loops"), *values(steps=4, loops=2, strength=0.9)):
        pass
    first, second = studio.runs.of("local")[-2:]
    assert not first.request.image
    assert second.request.strength == 0.9


def test_live_paints_with_a_locked_seed(studio: Studio, form: Form, values: Values) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    for seed in (11, 12):
        for _ in made.live(request(tab="live"), *values(steps=2, seed_mode="Locked", seed=seed)):
            pass
    assert studio.runs.of("local")[-1].request.seed == 12


def test_an_emptied_number_is_told_live_too(studio: Studio, form: Form, values: Values) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    *_, (stage, *_rest) = made.live(request(tab="empty"), *values(width=None))
    assert "Width" in stage["message"]


def test_a_refusal_stays_until_something_else_is_painted(studio: Studio, form: Form, values: Values) -> None:
    made, tab = Bindings(studio, Visitors(public=False), form), request(tab="refused")
    for width, said in ((128, "painted in"), (100, "Width must be"), (128, "painted in")):
        *_, (stage, *_rest) = made.paint(tab, *values(steps=2, width=width))
        developed = list(made.develop(tab))[-1]
        assert said in stage["message"]
        assert said in developed["message"]
        assert (developed["state"] == "failed") == (width == 100)
        assert all(step["full"] for step in developed["steps"])


def test_what_was_put_aside_can_be_gone_on_with_after_a_refusal(studio: Studio, form: Form, values: Values) -> None:
    made, tab = Bindings(studio, Visitors(public=False), form), request(tab="put aside")
    painting = made.paint(tab, *values(steps=60))
    next(painting)
    made.pause(tab)
    list(painting)
    *_, (stage, *_rest) = made.paint(tab, *values(width=100))
    assert (stage["state"], "Width must be" in stage["message"]) == ("paused", True)
    *_, (stage, *_rest) = made.go_on(tab, *values(steps=60))
    assert stage["state"] == "finished"


def test_a_refusal_leaves_alone_what_is_being_painted(
    studio: Studio, form: Form, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", told.append)
    made, tab = Bindings(studio, Visitors(public=False), form), request(tab="busy")
    painting = made.paint(tab, *values(steps=60))
    next(painting)
    assert list(made.paint(tab, *values(width=100))) == [(SKIP,) * 4]
    assert "Width must be" in told[0]
    *_, (stage, *_rest) = painting
    assert stage["state"] == "finished"


def test_a_page_whose_memory_runs_out_says_what_to_do_and_the_next_press_paints(
    models: Path, tmp_path: Path, defaults: dict[str, Any], values: Values
) -> None:
    def no_room(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with Studio(Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32")) as studio:
        made = Bindings(studio, Visitors(public=False), Form(studio, tuple(defaults)))
        pressed = partial(made.paint, request(tab="small"), *values(model="tiny-epsilon", steps=2))
        *_, (stage, *_rest) = pressed()
        assert stage["state"] == "finished"
        mine, somebody = request(tab="small"), request("somebody")
        assert "all of it on the CPU" in made.footer(mine)
        assert "kept steps" in made.footer(mine)
        assert not any(told in made.footer(somebody) for told in ("all of it", "kept steps", "GB"))
        assert studio.engine is not None
        vars(studio.engine.model("tiny-epsilon"))["compute"] = no_room
        *_, (stage, *_rest) = pressed()
        assert stage["state"] == "failed"
        assert "lower the size or the batch size" in stage["message"]
        assert "Painted again, the model is kept in less memory" in stage["message"]
        *_, (stage, *_rest) = pressed()
        assert stage["state"] == "finished"
        assert "weights in 8 bits" in made.footer(mine)


def test_a_page_that_opens_while_its_run_is_being_put_aside_goes_on_with_it(
    studio: Studio, form: Form, values: Values
) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    run = studio.submit(GenerationRequest(steps=60))
    next(event for event in run if isinstance(event, Step))
    run.leave()
    *_, (stage, *_rest) = made.catch_up(request(tab="opened again"))
    assert stage["state"] == "finished"
    assert studio.runs.of("local")[-1].root is run


def test_a_live_picture_that_was_put_aside_is_not_gone_on_with(studio: Studio, form: Form) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    run = studio.submit(GenerationRequest(steps=60), draft=True)
    next(event for event in run if isinstance(event, Step))
    run.leave()
    *_, (stage, *_rest) = made.catch_up(request(tab="opened again"))
    assert stage["run"] != run.id
    assert studio.runs.of("local")[-1] is run, "nothing was painted on from it"


def test_of_two_tabs_that_come_back_together_one_goes_on_and_the_other_follows(
    studio: Studio, form: Form, values: Values
) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    run = studio.submit(GenerationRequest(steps=60))
    next(event for event in run if isinstance(event, Step))
    run.leave()
    with ThreadPoolExecutor(4) as tabs:
        shown = list(tabs.map(lambda number: list(made.catch_up(request(tab=f"back {number}")))[-1], range(4)))
    (went_on,) = (other for other in studio.runs.tree(run) if other is not run)
    assert {stage["run"] for stage, *_ in shown} == {went_on.id}


def test_while_somebody_elses_model_loads_a_stage_says_what_it_paints(
    studio: Studio, form: Form, values: Values
) -> None:
    made = Bindings(studio, Visitors(public=False), form)
    states: list[str] = []
    for stage, *_ in made.paint(request(tab="paints"), *values(steps=6)):
        if stage.get("steps") and not states:
            studio.status.tell("loading another")
        states += [stage["state"]] if stage.get("steps") else []
    studio.status.ready("cpu")
    assert set(states) == {"painting", "finished"}
