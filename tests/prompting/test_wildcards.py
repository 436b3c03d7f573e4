"""Files from which prompts choose, and no others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest, Settings, Studio
from studio.errors import RequestRefused
from studio.gallery import infotext
from studio.prompting.wildcards import Wildcards, folders


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    (made / "wildcards" / "places").mkdir(parents=True)
    (made / "secret.txt").write_text("secret\n")
    (made / "wildcards" / "animal.txt").write_text("\ufeff# some\ncat\n\n dog \n", encoding="utf-8")
    (made / "wildcards" / "places" / "far.txt").write_text("on the moon\n")
    (made / "wildcards" / "empty.txt").write_text("# nothing yet\n")
    (made / "wildcards" / "out.txt").symlink_to(made / "secret.txt")
    return made


@pytest.fixture
def wildcards(home: Path) -> Wildcards:
    return Wildcards([home / "wildcards"])


def test_a_line_is_a_choice(wildcards: Wildcards) -> None:
    assert wildcards.names == ["animal", "empty", "places/far"]
    assert wildcards.lines("animal") == ("cat", "dog")
    assert wildcards.lines("Places/FAR") == ("on the moon",)


def test_one_that_is_not_there_or_empty_is_told(wildcards: Wildcards) -> None:
    with pytest.raises(RequestRefused, match=r"no wildcard of the name 'bird'. There are: animal, empty, places/far"):
        wildcards.lines("bird")
    with pytest.raises(RequestRefused, match="'empty' has no line"):
        wildcards.lines("empty")
    with pytest.raises(RequestRefused, match="There are none here"):
        Wildcards([Path("nowhere")]).lines("animal")


TRICKS = ["../secret", "/etc/hostname", "out", "places/../../secret", "..", "", "animal.txt", "~", "\0", "C:\\secret"]


@pytest.mark.parametrize("name", TRICKS)
def test_no_name_leads_out_of_the_folder(wildcards: Wildcards, name: str) -> None:
    with pytest.raises(RequestRefused, match="no wildcard of the name"):
        wildcards.lines(name)


NAMES = st.text(st.sampled_from("./\\~ secretout%\0")) | st.text()


@given(NAMES)
def test_no_name_at_all_does(home: Path, name: str) -> None:
    try:
        found = Wildcards([home / "wildcards"]).lines(name)
    except RequestRefused:
        return
    assert set(found) <= {"cat", "dog", "on the moon"}


def test_they_are_found_where_programs_have_them(tmp_path: Path) -> None:
    for folder in (
        "webui/extensions/sd-dynamic-prompts/wildcards",
        "comfy/wildcards",
        "comfy/custom_nodes/x/wildcards",
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "animal.txt").write_text(folder)
        (tmp_path / folder / f"{folder.replace('/', '-')}.txt").write_text("x")
    found = Wildcards(folders(tmp_path / "own", tmp_path / "out", [tmp_path / "webui", tmp_path / "comfy"]))
    assert len(found.names) == 4
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "animal.txt").write_text("mine")
    assert found.lines("animal") == ("mine",)


@pytest.fixture(scope="module")
def studio(home: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    settings = Settings(
        models=(models,), wildcards=home / "wildcards", outputs=tmp_path_factory.mktemp("out"), device="cpu"
    )
    with Studio(settings) as running:
        yield running


ASKED = GenerationRequest(
    prompt="a {red|blue|green} __animal__", negative_prompt="{rain|snow}", model="tiny-epsilon", steps=2, width=64,
    height=64, seed=5, reproducible=True,
)  # fmt: skip


def test_a_picture_says_what_was_chosen_and_from_what_and_is_made_again(studio: Studio) -> None:
    run = studio.submit(ASKED)
    (text,) = run.result.infotexts
    assert run.request == studio.submit(ASKED).request
    found = infotext.parse(text)
    assert (found["Template"], found["Negative Template"]) == (ASKED.prompt, ASKED.negative_prompt)
    colour, animal = found["Prompt"].split()[1:]
    assert colour in ("red", "blue", "green")
    assert animal in ("cat", "dog")
    assert found["Negative prompt"] in ("rain", "snow")
    again = GenerationRequest(**infotext.to_fields(found), reproducible=True)
    assert again == run.request
    made = studio.submit(again)
    assert made.result.images[0].tobytes() == run.result.images[0].tobytes()
    assert GenerationRequest.from_json(run.request.to_json()) == run.request


def test_every_run_of_several_chooses_for_itself(studio: Studio) -> None:
    runs = [studio.submit(one) for one in ASKED.batches(12)]
    assert len({run.request.prompt for run in runs}) > 2
    for run in runs:
        run.cancel()
        list(run)


def test_a_branch_with_another_prompt_chooses_anew_or_drops_the_template(studio: Studio) -> None:
    run = studio.submit(ASKED)
    assert run.result.paths
    kept = studio.branch(run, 1)
    plain, other = (studio.branch(run, 1, prompt=text) for text in ("a boat", "a {boat|ship}"))
    assert (kept.request.prompt, kept.request.template) == (run.request.prompt, ASKED.prompt)
    assert (plain.request.prompt, plain.request.template) == ("a boat", "")
    assert other.request.prompt in ("a boat", "a ship")
    for one in (kept, plain, other):
        assert one.result.paths


def test_what_cannot_be_chosen_is_refused_before_anything_waits(studio: Studio) -> None:
    with pytest.raises(RequestRefused, match="no wildcard of the name 'secret'"):
        studio.submit(dataclasses.replace(ASKED, prompt="a __secret__"))
    assert studio.count("a {red|blue} cat", "stepwise-embedded") is not None
    assert studio.count("a __secret__", "stepwise-embedded") is not None
