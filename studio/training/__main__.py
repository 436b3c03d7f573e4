"""Train the embedded model: ``python -m studio.training all``, or one stage after another.

Every stage can be stopped at any moment and started again; it goes on where it was. The same
code runs on a GPU and on a CPU, where the minutes below buy fewer pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline
from PIL import Image

from studio.models.library import EMBEDDED_FOLDER
from studio.training import autoencoder, denoiser, evaluate, recogniser, tokenizer
from studio.training.export import export, painter_from
from studio.training.pictures import drawn, sheet
from studio.training.world import SceneDataset

SIZE = 128
STAGES = ("world", "autoencoder", "denoiser", "decoder", "export", "recogniser", "evaluate")
MINUTES = {"autoencoder": 19.0, "denoiser": 70.0, "decoder": 10.0, "recogniser": 4.0}
"""What the shipped edition was trained for, on two CPU cores."""


class Training:
    """The stages over one folder of work."""

    def __init__(self, folder: Path, pictures: int, exam: int, minutes: float | None) -> None:
        self.folder, self.minutes = folder, minutes
        self.scenes, self.exam = SceneDataset(0, SIZE), SceneDataset(1, SIZE, held_out=True)
        self.pixels = drawn(self.scenes, pictures, folder)
        self.exam_pixels = drawn(self.exam, exam, folder)

    def budget(self, stage: str) -> float:
        """Minutes for a stage."""
        return MINUTES[stage] if self.minutes is None else self.minutes

    def world(self) -> None:
        """A sheet of the world, to look at."""
        Image.fromarray(sheet(np.asarray(self.pixels[:48]), 8)).save(self.folder / "world.png")

    def autoencoder(self) -> None:
        trained = autoencoder.train(self.pixels, self.exam_pixels, self.folder, self.budget("autoencoder"))
        trained.save_pretrained(self.folder / "vae")

    def denoiser(self) -> None:
        words = tokenizer.build(self.folder / "tokenizer")
        vae = AutoencoderTiny.from_pretrained(self.folder / "vae")
        denoiser.train(vae, words, self.scenes, self.pixels, self.folder, self.budget("denoiser"))

    def decoder(self) -> None:
        vae = AutoencoderTiny.from_pretrained(self.folder / "vae")
        refined = autoencoder.refine_decoder(vae, self.pixels, self.exam_pixels, self.folder, self.budget("decoder"))
        refined.save_pretrained(self.folder / "vae-refined")

    def export(self) -> None:
        """Ship the newest weights there are."""
        refined = self.folder / "vae-refined"
        vae = AutoencoderTiny.from_pretrained(refined if refined.exists() else self.folder / "vae")
        words = tokenizer.build(self.folder / "tokenizer")
        export(vae, words, painter_from(self.folder / "denoiser.pt", words, SIZE // 8), EMBEDDED_FOLDER)

    def recogniser(self) -> recogniser.Recogniser:
        scenes = [self.scenes.scene(index) for index in range(len(self.pixels))]
        return recogniser.train(self.pixels, scenes, self.folder, self.budget("recogniser"))

    def evaluate(self) -> None:
        """The exam of what is shipped now."""
        pipeline = StableDiffusionPipeline.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32)
        figures = evaluate.evaluate(
            pipeline, self.recogniser(), self.exam, self.exam_pixels, len(self.exam_pixels), self.folder
        )
        print(figures)


def main() -> None:
    """Run the stages asked for, in their order."""
    parser = argparse.ArgumentParser("python -m studio.training", description=__doc__)
    parser.add_argument("stage", choices=("all", *STAGES))
    parser.add_argument("--folder", type=Path, default=Path("runs/first"), help="where checkpoints and sheets go")
    parser.add_argument("--pictures", type=int, default=24_000, help="pictures drawn to train on")
    parser.add_argument("--exam", type=int, default=512, help="held-out pictures of the exam")
    parser.add_argument("--minutes", type=float, help="training time of each stage")
    given = parser.parse_args()
    training = Training(given.folder, given.pictures, given.exam, given.minutes)
    for stage in STAGES if given.stage == "all" else (given.stage,):
        getattr(training, stage)()


if __name__ == "__main__":
    main()
