"""Speeds, as ratios measured side by side in one run: ``python -m tests.bench``.

Pairs are interleaved (bare, ours, bare, ours, ...), so that a busy moment hits both; medians
are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from diffusers import StableDiffusionPipeline

from studio import GenerationRequest, Settings, Studio
from studio.diffusion import noise, samplers
from studio.diffusion.painting import Painting
from studio.diffusion.snapshot import StateReader
from studio.events import Cancelled, Step
from studio.models.library import EMBEDDED_FOLDER
from tests.bench.page import click_to_preview, scrub_latency

ROUNDS = 15
REQUEST = GenerationRequest(prompt="a cat on a rainy street at night", steps=24, seed=7)


def seconds(act: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def medians(*acts: Callable[[], object]) -> list[float]:
    """Median seconds of each, called in turn after one round to warm up."""
    times = [[seconds(act) for act in acts] for _ in range(ROUNDS + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


class Bare:
    """The plain diffusers pipeline on the same weights, in the same precision, decoding its picture."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.pipeline = StableDiffusionPipeline.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32)
        self.pipeline.set_progress_bar_config(disable=True)
        self.pipeline.unet.to(dtype)
        if dtype != torch.float32:  # as the studio has it: in fp32 the layout gains nothing
            self.pipeline.unet.to(memory_format=torch.channels_last)
        self.dtype, self.trained_as = dtype, self.pipeline.scheduler.config
        forward = self.pipeline.unet.forward

        def in_dtype(
            sample: torch.Tensor, timestep: object, encoder_hidden_states: torch.Tensor, **rest: object
        ) -> object:
            answer = forward(sample.to(dtype), timestep, encoder_hidden_states.to(dtype), **rest)
            return tuple(part.float() for part in answer)

        if dtype != torch.float32:
            self.pipeline.unet.forward = in_dtype

    def paint(self) -> None:
        """One picture, from prompt to PIL."""
        self.pipeline.scheduler = samplers.build(REQUEST, self.trained_as)
        self.pipeline(
            REQUEST.prompt,
            negative_prompt="",
            num_inference_steps=REQUEST.steps,
            guidance_scale=REQUEST.cfg_scale,
            generator=noise.generators(REQUEST.seeds),
        )


def paint(studio: Studio) -> None:
    """One picture through the engine."""
    run = studio.submit(REQUEST)
    assert run.result.paths


def four(studio: Studio, together: bool) -> int:
    """Four pictures, together or in turn; forwards computed."""
    assert studio.engine is not None
    before = studio.engine.forwards
    requests = REQUEST.batches(4)
    if together:
        runs = [studio.submit(request) for request in requests]
        assert all(run.result.paths for run in runs)
    else:
        assert all(studio.submit(request).result.paths for request in requests)
    return studio.engine.forwards - before


def steps_after_cancel(studio: Studio) -> int:
    """Steps taken after a stop was asked for."""
    run, asked_at = studio.submit(GenerationRequest(prompt="a cat", steps=100, seed=1)), 0
    for event in run:
        if isinstance(event, Step) and event.index == 5:
            run.cancel()
            asked_at = len(run.steps)
        if isinstance(event, Cancelled):
            return event.steps_done - asked_at
    raise AssertionError("the run was not stopped")


def unrecorded(studio: Studio) -> None:
    """One picture through the engine with nothing kept of its steps but that they happened."""
    with (
        mock.patch.object(Painting, "_seen", return_value=None),
        mock.patch.object(StateReader, "read", return_value={}),
    ):
        paint(studio)


def branch_costs(studio: Studio) -> dict[str, object]:
    """Model calls of branches against those that remained, and bytes kept of each step."""
    assert studio.engine is not None
    run = studio.submit(REQUEST)
    assert run.result.paths
    made, needed = studio.engine.forwards, 0
    for at in (1, 9, 16, 23):
        assert studio.branch(run, at, cfg_scale=4.0).result.paths
        needed += REQUEST.steps - at
    return {
        "branch: model calls made / needed": (studio.engine.forwards - made) / needed,
        "bytes kept of a step": run.recording.nbytes // len(run.steps),
    }


def start_up() -> dict[str, float]:
    """Seconds until the page answers and until a picture can be painted, and `import gradio` alone."""
    imported = seconds(lambda: subprocess.run([sys.executable, "-c", "import gradio"], check=True))
    began = time.perf_counter()
    script = "import app, sys; sys.argv = ['app', '--port', '0']; app.main()"
    answers = paints = 0.0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-c", script, "--outputs", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "Running on local URL" in line:
                answers = time.perf_counter() - began
                break
        process.kill()
    began = time.perf_counter()
    ready = "from studio import Studio; import time; s = Studio()\nwhile not s.status.state.ready: time.sleep(0.01)"
    subprocess.run([sys.executable, "-c", ready], check=True)
    paints = time.perf_counter() - began
    return {"import gradio": imported, "page answers": answers, "engine ready": paints}


def main() -> None:
    """Print the figures, and write them to runs/bench.json."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        quiet_settings = Settings(outputs=Path(folder), previews=False, concurrency=4)
        with Studio(Settings(outputs=Path(folder))) as studio, Studio(quiet_settings) as quiet:
            paint(studio)
            paint(quiet)
            bare = Bare(studio.engine._placement.dtype)  # type: ignore[union-attr]
            plain, previewed, silent = medians(bare.paint, lambda: paint(studio), lambda: paint(quiet))
            figures["placement"] = studio.status.state.placement
            figures["bare pipeline, s"] = plain
            figures["with previews / bare"] = previewed / plain
            figures["previews off / bare"] = silent / plain
            recorded, bare_engine = medians(lambda: paint(quiet), lambda: unrecorded(quiet))
            figures["steps kept / not kept"] = recorded / bare_engine
            figures |= branch_costs(quiet)
            figures["scrub to a kept step, s"], figures["scrub to one to be decoded, s"] = scrub_latency(studio)
            in_turn, together = medians(lambda: four(quiet, False), lambda: four(quiet, True))
            figures["four together / four in turn"] = together / in_turn
            figures["forwards in turn"], figures["forwards together"] = four(quiet, False), four(quiet, True)
            figures["steps after a stop, most of 10"] = max(steps_after_cancel(studio) for _ in range(10))
            figures["click to first preview, s"] = click_to_preview(studio)
            figures["click to first preview / one bare step"] = click_to_preview(studio) / (plain / REQUEST.steps)
    figures |= start_up()
    text = json.dumps(figures, indent=1)
    print(text)
    Path("runs").mkdir(exist_ok=True)
    Path("runs/bench.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
