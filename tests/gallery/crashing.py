"""A child that keeps pictures as fast as it can, says so, and is killed; and what must be true then.

``python -m tests.gallery.crashing <outputs> <round> [painting]`` is the child.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from studio import GenerationRequest, Settings, Studio
from studio.gallery.collection import TRASH, Collection
from studio.gallery.inputs import Inputs
from studio.gallery.reconcile import reconcile

ROOT = Path(__file__).parent.parent.parent
OWNERS = ("local", "user-ada")


def child(outputs: Path, number: int) -> None:
    """Keep pictures, throw some away, bring some back, and say each time what is done."""
    chance, collection = random.Random(number), Collection(outputs, Inputs(outputs / "inputs"))
    reconcile(collection, time.time(), lambda: False)
    print("begun", flush=True)
    for seed in range(number * 100_000, (number + 1) * 100_000):
        noise = Image.frombytes("RGB", (96, 96), chance.randbytes(96 * 96 * 3))
        owner = chance.choice(OWNERS)
        path, _ = collection.keep(noise, GenerationRequest(seed=seed), 0, run="r", owner=owner, model_hash="")
        print("kept", path.relative_to(outputs).as_posix(), flush=True)
        if chance.random() < 0.3:
            there = [kept.id for kept in collection.history.page(owner, count=3)]
            thrown = collection.throw_away(there[1:], owner)
            if chance.random() < 0.7:
                collection.bring_back(thrown, owner)


def painting_child(outputs: Path, number: int) -> None:
    """The same with the whole studio: paint, and say what was said to be finished."""
    with Studio(Settings(outputs=outputs, device="cpu")) as studio:
        print("begun", flush=True)
        for seed in range(number * 100_000, (number + 1) * 100_000, 2):
            run = studio.submit(GenerationRequest(prompt="a fox", steps=2, seed=seed, batch_size=2))
            for path in run.result.paths:
                print("kept", path.relative_to(outputs).as_posix(), flush=True)


def kill_one(outputs: Path, number: int, longest_s: float, *mode: str) -> set[str]:
    """Let a child run, kill it at a random moment, and return what it said it had kept."""
    command = [sys.executable, "-m", "tests.gallery.crashing", str(outputs), str(number), *mode]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        time.sleep(random.Random(-number).uniform(0, longest_s))
        running.send_signal(signal.SIGKILL)
        said = running.stdout.read()
    whole_lines = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return {line.split()[1] for line in whole_lines if line.startswith("kept")}


def broken(outputs: Path, acknowledged: set[str]) -> list[str]:
    """What of the promise does not hold: first as the crash left it, then after a start."""
    found: list[str] = []
    for path in outputs.rglob("*.png"):
        try:
            with Image.open(path) as picture:
                picture.load()
        except OSError as error:
            found.append(f"torn: {path} {error}")
    collection = Collection(outputs, Inputs(outputs / "inputs"))
    known = collection.history.paths()
    for where in known:
        if not (outputs / where).exists() and not (outputs / TRASH / where).exists():
            found.append(f"row without its file: {where}")
    found += [f"acknowledged, but not there: {where}" for where in acknowledged - known.keys()]
    reconcile(collection, time.time() + 60, lambda: False)
    for where, (_, there) in collection.history.paths().items():
        if not (outputs / where if there else outputs / TRASH / where).exists():
            found.append(f"not in step after a start: {where}")
    if strays := {path.relative_to(outputs).as_posix() for path in outputs.rglob("*.png")} - {
        where if there else f"{TRASH}/{where}" for where, (_, there) in collection.history.paths().items()
    }:
        found.append(f"files without rows after a start: {strays}")
    if collection.history._connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        found.append("the history is damaged")
    collection.history._connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    collection.close()
    return found


if __name__ == "__main__":
    (painting_child if "painting" in sys.argv else child)(Path(sys.argv[1]), int(sys.argv[2]))
