"""The command line: ``python -m studio generate "a fox in the snow" --out fox.png``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from studio import GenerationRequest, Settings, Studio
from studio.errors import StudioError
from studio.events import Cancelled, Failed, Step
from studio.presets import SCHEDULES, known_as
from studio.run import Run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m studio", description="Paint without the page.")
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="paint a prompt into a PNG file")
    add, defaults = generate.add_argument, {field.name: field.default for field in fields(GenerationRequest)}
    add("prompt")
    add("--out", type=Path, default=Path("picture.png"), help="file to write (default: %(default)s)")
    add("--frames", type=Path, help="folder for a JPEG of every step's predicted clean image")
    add("--sampler", default=defaults["sampler"], help="label or alias, such as 'Euler a' or k_euler_a")
    add("--schedule", default=None, choices=SCHEDULES)
    for name, kind in (("steps", int), ("cfg_scale", float), ("width", int), ("height", int), ("seed", int)):
        add(f"--{name.replace('_', '-')}", type=kind, default=defaults[name])
    add("--negative-prompt", default="")
    add("--model", default=defaults["model"])
    add("--models", type=Path, help="folder of diffusers models")
    return parser


def _show(run: Run, frames: Path | None) -> None:
    """Progress on the terminal; frames into their folder."""
    with tqdm(total=run.request.steps, unit="step", file=sys.stderr) as bar:
        for event in run:
            if isinstance(event, Step):
                bar.total = event.total
                bar.set_postfix_str(f"sigma {event.sigma:.3f}")
                bar.update()
            if isinstance(event, Failed):
                raise StudioError(event.sentence)
            if isinstance(event, Cancelled):
                raise StudioError("The run was stopped.")
    if frames is not None:
        frames.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(run.steps, 1):
            (frames / f"{number:03d}.jpg").write_bytes(step.preview)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 with a sentence on stderr if it could not."""
    given = _parser().parse_args(arguments)
    sampler, schedule = known_as(given.sampler)
    request = GenerationRequest(
        prompt=given.prompt,
        negative_prompt=given.negative_prompt,
        model=given.model,
        sampler=sampler,
        schedule=given.schedule or schedule or "Automatic",
        steps=given.steps,
        cfg_scale=given.cfg_scale,
        width=given.width,
        height=given.height,
        seed=given.seed,
    )
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Studio(Settings(outputs=Path(folder), models=given.models)) as studio,
        ):
            run = studio.submit(request)
            _show(run, given.frames)
            shutil.copyfile(run.result.paths[0], given.out)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
