"""The command line: ``generate``, ``branch`` and ``export``, for painting without the page."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from tqdm import tqdm

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import StudioError
from studio.events import Cancelled, Failed, Step
from studio.presets import AUTOMATIC, SCHEDULES, schedule_known_as

DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(GenerationRequest)}
NUMBERS = (("steps", int), ("cfg_scale", float), ("width", int), ("height", int), ("seed", int))
KINDS = ("gif", "webp", "mp4", "sheet", "zip", "tree")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m studio", description="Paint without the page.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_generate(commands.add_parser("generate", help="paint a prompt into a PNG file"))
    _add_branch(commands.add_parser("branch", help="paint on from a step of a saved run"))
    export = commands.add_parser("export", help="make a film, a sheet or a zip of a saved run")
    export.add_argument("run", type=Path, help="file that --save wrote")
    export.add_argument("--kind", choices=KINDS, default="mp4")
    export.add_argument("--out", type=Path, required=True, help="file to write")
    export.add_argument("--models", type=Path, action="append", default=[], help="folder in which you keep models")
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("prompt")
    add("--negative-prompt", default="")
    add("--sampler", default=DEFAULTS["sampler"], help="label or alias, such as 'Euler a' or k_euler_a")
    add("--schedule", type=schedule_known_as, default=AUTOMATIC, choices=SCHEDULES)
    for name, kind in NUMBERS:
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name])
    add("--model", default=DEFAULTS["model"])
    add("--style", action="append", default=[], help="style of styles.csv; may be given several times")
    _add_outputs(parser)


def _add_branch(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run", type=Path, help="file that --save wrote")
    add("--at", type=int, required=True, help="how many of its steps to keep")
    add("--remaining", type=int, help="how many steps are to come (default: as before)")
    add("--noise-seed", type=int, help="seed of the noise to come (default: the old noise goes on)")
    add("--prompt")
    add("--negative-prompt")
    add("--sampler")
    add("--schedule", type=schedule_known_as, choices=SCHEDULES)
    add("--cfg-scale", type=float)
    _add_outputs(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path("picture.png"), help="file to write (default: %(default)s)")
    add("--frames", type=Path, help="folder for a JPEG of every step's predicted clean image")
    add("--save", type=Path, help="file for the whole run, to branch or export later")
    add("--models", type=Path, action="append", default=[], help="folder in which you keep models")


def _generate(studio: Studio, given: argparse.Namespace) -> Run:
    values = {name: getattr(given, name) for name in ("prompt", "negative_prompt", "model", "sampler", "schedule")}
    values |= {name: getattr(given, name) for name, _ in NUMBERS}
    return _painted(studio.submit(studio.styled(GenerationRequest(**values), given.style)), given)


def _branch(studio: Studio, given: argparse.Namespace) -> Run:
    changes = {
        name: getattr(given, name)
        for name in ("prompt", "negative_prompt", "sampler", "schedule", "cfg_scale", "remaining", "noise_seed")
        if getattr(given, name) is not None
    }
    return _painted(studio.branch(studio.open(given.run), given.at, **changes), given)


def _export(studio: Studio, given: argparse.Namespace) -> None:
    from studio.timeline import export  # here, since it loads PyTorch

    run = studio.open(given.run)
    if given.kind == "tree":
        export.export_tree([run], given.out)
    else:
        export.export(run, given.kind, given.out)


def _painted(run: Run, given: argparse.Namespace) -> Run:
    """Progress on the terminal, then the files asked for."""
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
    if given.frames is not None:
        given.frames.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(run.steps, 1):
            (given.frames / f"{number:03d}.jpg").write_bytes(step.preview)
    if given.save is not None:
        run.save(given.save)
    shutil.copyfile(run.result.paths[0], given.out)
    return run


COMMANDS: dict[str, Callable[[Studio, argparse.Namespace], object]] = {
    "generate": _generate,
    "branch": _branch,
    "export": _export,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 with a sentence on stderr if it could not."""
    given = _parser().parse_args(arguments)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Studio(Settings(outputs=Path(folder), models=tuple(given.models))) as studio,
        ):
            COMMANDS[given.command](studio, given)
    except (StudioError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
