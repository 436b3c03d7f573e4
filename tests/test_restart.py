"""A studio that is killed: what it was asked for is painted by the next one."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio import GenerationRequest, Run, Settings, Studio
from studio.events import Finished
from studio.gallery.pictures import LOCAL
from studio.journal import Journal
from studio.models.library import Library
from studio.request import Branch

ASKED = GenerationRequest(model="tiny-v", width=64, height=64, prompt="a cat", steps=12, seed=5, sampler="Euler a")
KILLED = """
import dataclasses, pathlib, sys
from studio import GenerationRequest, Settings, Studio
models, outputs, asked = sys.argv[1:]
request = GenerationRequest.from_json(asked)
studio = Studio(Settings(models=(pathlib.Path(models),), outputs=pathlib.Path(outputs), device="cpu", precision="fp32"))
first = studio.submit(request, "ada")
assert first.result.paths
branch = studio.branch(first, 7, prompt="a dog")
long = [studio.submit(dataclasses.replace(request, steps=150, seed=seed), "bo") for seed in range(7)]
next(iter(long[0]))
print(first.id, branch.id, *(run.id for run in long), flush=True)
sys.stdin.read()
"""


def studio_over(models: Path, outputs: Path) -> Studio:
    return Studio(Settings(models=(models,), outputs=outputs, device="cpu", precision="fp32"))


def killed(models: Path, outputs: Path) -> list[str]:
    """Ids of a finished run, a branch of it and seven long runs, whose process was killed."""
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(models), str(outputs), ASKED.to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ids = process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
    assert len(ids) == 9
    return ids


def test_what_was_asked_for_is_painted_after_a_kill_and_a_close(models: Path, tmp_path: Path) -> None:
    finished, branch, *long = killed(models, tmp_path)
    with studio_over(models, tmp_path) as studio:
        taken = {run.id: run for run in studio.take_up()}
        assert finished not in taken, "what was finished is not painted twice"
        assert set(long) <= taken.keys()
        assert {taken[name].owner for name in long} == {"bo"}
        assert [taken[name].request.seed for name in long] == list(range(7))
        if branch in taken:  # it may have been faster than the kill
            assert taken[branch].owner == "ada"
            assert isinstance(list(taken[branch])[-1], Finished)
        pictures = studio.collection.history.page("ada")
        assert {picture.run for picture in pictures} == {finished, branch}
        first = studio.submit(ASKED, "ada")
        assert first.result.paths
        again = studio.branch(first, 7, prompt="a dog")
        made = studio.collection.file(next(picture for picture in pictures if picture.run == branch))
        assert_alike(made, again)
        with studio_over(models, tmp_path) as beside:
            assert beside.take_up() == [], "they belong to a process that lives"
    with studio_over(models, tmp_path) as studio:
        assert studio.take_up() == [], "each is begun twice at most"


def assert_alike(path: Path, run: Run) -> None:
    from PIL import Image

    one, other = np.asarray(Image.open(path), np.int16), np.asarray(run.result.images[0], np.int16)
    assert np.abs(one - other).max() <= 2


def test_a_run_that_ended_is_not_taken_up(models: Path, tmp_path: Path) -> None:
    with studio_over(models, tmp_path) as studio:
        stopped = studio.submit(ASKED, "ada")
        stopped.cancel()
        assert list(stopped)
        assert not list((tmp_path / ".queue").glob("*"))


def test_closing_keeps_what_waits(models: Path, tmp_path: Path) -> None:
    with studio_over(models, tmp_path) as studio:
        asked = [studio.submit(ASKED, "ada") for _ in range(7)]
    unfinished = {run.id for run in asked if not run.succeeded}
    pretend_its_process_is_gone(tmp_path)
    with studio_over(models, tmp_path) as studio:
        assert {run.id for run in studio.take_up()} == unfinished


def pretend_its_process_is_gone(outputs: Path) -> None:
    for file in (outputs / ".queue").glob("*.json"):
        entry = json.loads(file.read_text()) | {"process": [2**22 + 1, 0.0]}
        file.write_text(json.dumps(entry))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"process": [1, 2], "request": "{}", "owner": 3}', "\x00"])
def test_a_spoilt_file_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "spoilt.json").write_text(text)
    assert Journal(tmp_path).left() == []
    assert not list(tmp_path.glob("*"))


def test_what_asks_for_a_file_that_is_found_by_looking_is_taken_up(models: Path, tmp_path: Path) -> None:
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q"
    (tmp_path / "loras").mkdir()
    down, up = torch.zeros(2, 8), torch.zeros(8, 2)
    save_file(
        {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}, tmp_path / "loras" / "ink.safetensors"
    )
    run = Run(dataclasses.replace(ASKED, prompt="a cat <lora:ink>"), "ada")
    Journal(tmp_path / ".queue").write(run)
    pretend_its_process_is_gone(tmp_path)
    with Studio(Settings(models=(models, tmp_path / "loras"), outputs=tmp_path, device="cpu")) as studio:
        assert [taken.id for taken in studio.take_up()] == [run.id]


def test_what_waits_for_the_first_look_stays_for_the_next_process_when_the_studio_is_closed(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(dataclasses.replace(ASKED, prompt="a cat <lora:ink>"), "ada")
    Journal(tmp_path / ".queue").write(run)
    pretend_its_process_is_gone(tmp_path)
    monkeypatch.setattr(Library, "rescan", lambda library: library._stop.wait())
    with ThreadPoolExecutor(1) as behind:
        with studio_over(models, tmp_path) as studio:
            taken = behind.submit(studio.take_up)
        assert taken.result(60) == []
    pretend_its_process_is_gone(tmp_path)
    assert [(entry.run, entry.tries) for entry in Journal(tmp_path / ".queue").left()] == [(run.id, 1)]


def test_a_branch_is_painted_however_long_the_steps_before_it_take_again(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.studio.TAKEN_UP_LEASE_S", 0.05)
    before = dataclasses.replace(ASKED, steps=60)
    run = Run(dataclasses.replace(before, prompt="a dog", branch=Branch(request=before, at=50)), LOCAL)
    Journal(tmp_path / ".queue").write(run)
    pretend_its_process_is_gone(tmp_path)
    with studio_over(models, tmp_path) as studio:
        (taken,) = studio.take_up()
        assert isinstance(list(taken)[-1], Finished)
