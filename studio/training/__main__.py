"""Train the embedded model: ``python -m studio.training all``, or one stage after another.

Every stage can be stopped at any moment and started again; it goes on where it was. The same code runs on a
GPU and on a CPU, where the minutes buy fewer pictures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline
from PIL import Image
from transformers import CLIPTokenizer

from studio.models.library import EMBEDDED_FOLDER
from studio.training import autoencoder, control, curves, denoiser, few_steps, recogniser, tokenizer, warm_start
from studio.training.exam import figures
from studio.training.exam.evaluate import evaluate
from studio.training.export import editions, export, export_controlnet, painter_from
from studio.training.loop import choose_device
from studio.training.material import Material
from studio.training.pictures import sheet
from studio.training.world import CPU, EDITIONS, Edition, SceneDataset

MINUTES = {
    "autoencoder": (20.0, 2.5),
    "denoiser": (90.0, 9.5),
    "decoder": (14.0, 1.0),
    "control": (45.0, 2.5),
    "few-steps": (45.0, 2.0),
    "recogniser": (60.0, 2.0),
}
"""What each stage is given on two CPU cores, and on a large GPU."""
SKETCHED = 12_000
"""Pictures that the ControlNet, which wants their sketches, and the few-step edition learn from."""


@dataclass(frozen=True)
class Work:
    """What the command line asks for: an edition, a folder of checkpoints, a folder for the finished model, and
    perhaps that of another one to begin with."""

    edition: Edition
    folder: Path
    into: Path
    pictures: int
    exam: int
    minutes: float | None
    start: Path | None


class Training:
    """The stages over one folder of work."""

    def __init__(self, work: Work) -> None:
        self.work, self.folder = work, work.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.material = Material(SceneDataset(0, work.edition), work.pictures, work.folder)
        self.sketched = min(work.pictures, SKETCHED)
        self.held_out = self._exam(())

    def _exam(self, before: tuple[Edition, ...]) -> Material:
        """Held-out scenes, without those of the editions ``before``."""
        narrower = tuple(edition for edition in dict.fromkeys(before) if edition != self.work.edition)
        return Material(SceneDataset(1, self.work.edition, held_out=True, before=narrower), self.work.exam, self.folder)

    def budget(self, stage: str) -> float:
        """Minutes for a stage."""
        if self.work.minutes is not None:
            return self.work.minutes
        return MINUTES[stage][choose_device().type == "cuda"]

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        """The tokenizer of the edition's words."""
        return tokenizer.build(self.work.edition, self.folder / "tokenizer")

    def vae(self, name: str = "vae") -> AutoencoderTiny:
        """The autoencoder as a stage left it."""
        return AutoencoderTiny.from_pretrained(self.folder / name)

    def model(self) -> StableDiffusionPipeline:
        """The finished model, on which the later stages build."""
        return StableDiffusionPipeline.from_pretrained(self.work.into, dtype=torch.float32)

    def started(self, part: str) -> Path | None:
        """That part of the finished model to begin with, where it has one."""
        folder = self.work.start / part if self.work.start else None
        return folder if folder and folder.exists() else None

    def world(self) -> None:
        """Draw everything, and a sheet of it to look at."""
        pictures, _ = self.material.pictures[:96], self.held_out.pictures
        _ = self.material.masks, self.material.tokens(self.tokenizer), self.material.sketches(self.sketched)
        Image.fromarray(sheet(np.asarray(pictures), 12)).save(self.folder / "world.png")

    def autoencoder(self) -> None:
        model, minutes = autoencoder.build(self.started("vae")), self.budget("autoencoder")
        trained = autoencoder.train(model, self.material.pictures, self.held_out.pictures, self.folder, minutes)
        trained.save_pretrained(self.folder / "vae")

    def denoiser(self) -> None:
        painter = denoiser.build(self.tokenizer, self.work.edition)
        if self.work.start:
            warm_start.begin(painter, self.tokenizer, self.work.start)
        denoiser.train(painter, self.vae(), self.tokenizer, self.material, self.folder, self.budget("denoiser"))

    def decoder(self) -> None:
        minutes = self.budget("decoder")
        refined = autoencoder.refine_decoder(
            self.vae(), self.material.pictures, self.held_out.pictures, self.folder, minutes
        )
        refined.save_pretrained(self.folder / "vae-refined")

    def export(self) -> None:
        """Ship the newest weights there are."""
        vae = self.vae("vae-refined" if (self.folder / "vae-refined").exists() else "vae")
        painter = painter_from(self.folder / "denoiser.pt", self.tokenizer, self.work.edition)
        before = editions(self.work.start) if self.work.start else ()
        export(vae, self.tokenizer, painter, self.work.edition, self.work.into, before)

    def control(self) -> None:
        """A ControlNet for the finished model, from the first part of the pictures."""
        model, minutes = self.model(), self.budget("control")
        controlnet = control.build(model, self.started("controlnet"))
        trained = control.train(controlnet, model, self.material, self.sketched, self.folder, minutes)
        export_controlnet(trained, self.work.into / "controlnet")

    def few_steps(self) -> None:
        """A LoRA for the finished model that paints in four steps."""
        few_steps.train(
            self.model(),
            self.material,
            self.sketched,
            self.folder,
            self.work.into / "few-steps",
            self.budget("few-steps"),
            self.started("few-steps"),
        )

    def recogniser(self) -> recogniser.Recogniser:
        return recogniser.train(self.material, self.folder, self.budget("recogniser"))

    def evaluate(self) -> None:
        """The exam of the finished model; its card's table and curves are written anew."""
        exam = self._exam(editions(self.work.into))
        found = evaluate(self.work.into, self.recogniser(), exam, self.material, self.folder)
        print(figures.table(found))
        card = self.work.into / "README.md"
        if card.exists() and figures.put_into_card(found, card):
            figures.write(found, self.work.into / "figures.json")
        curves.write(self.folder, self.work.into)


STAGES = {
    "world": Training.world,
    "autoencoder": Training.autoencoder,
    "denoiser": Training.denoiser,
    "decoder": Training.decoder,
    "export": Training.export,
    "control": Training.control,
    "few-steps": Training.few_steps,
    "recogniser": Training.recogniser,
    "evaluate": Training.evaluate,
}


def main() -> None:
    """Run the stages asked for, in their order."""
    parser = argparse.ArgumentParser("python -m studio.training", description=__doc__)
    parser.add_argument("stage", nargs="+", choices=("all", *STAGES))
    parser.add_argument("--edition", choices=EDITIONS, default=CPU.name, help="which world")
    parser.add_argument("--folder", type=Path, help="where checkpoints and sheets go (runs/EDITION)")
    parser.add_argument("--into", type=Path, default=EMBEDDED_FOLDER, help="where the finished model goes")
    parser.add_argument("--pictures", type=int, help="pictures drawn to train on")
    parser.add_argument("--exam", type=int, default=2_000, help="held-out pictures of the exam")
    parser.add_argument("--minutes", type=float, help="training time of each stage")
    parser.add_argument("--start", type=Path, help="a finished model whose weights to begin with")
    given = parser.parse_args()
    if given.start and not (given.start / "model_index.json").exists():
        parser.error(f"--start: {given.start} holds no finished model. Name a folder that an export wrote")
    if given.start and given.start.resolve() == given.into.resolve():
        parser.error("--start is the folder that --into writes anew. Copy that model, and start with the copy")
    edition = EDITIONS[given.edition]
    folder, pictures = given.folder or Path("runs") / edition.name, given.pictures or edition.pictures
    training = Training(Work(edition, folder, given.into, pictures, given.exam, given.minutes, given.start))
    for stage in STAGES if "all" in given.stage else given.stage:
        STAGES[stage](training)


if __name__ == "__main__":
    main()
