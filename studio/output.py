"""What becomes of steps and finished runs behind the denoising, in a thread of its own: previews, pictures, files."""

from __future__ import annotations

import dataclasses
import logging
import time

import torch

from studio.active import Active
from studio.clips import beside
from studio.diffusion import preview
from studio.endings import failure
from studio.errors import NotANumber
from studio.events import Finished, Produced, Step
from studio.gallery.collection import Collection
from studio.status import Status
from studio.timeline.record import RecordedStep

log = logging.getLogger("stepwise")


class Output:
    """Keeps pictures in ``collection``, and counts in ``status`` what previews cost."""

    def __init__(self, collection: Collection, status: Status) -> None:
        self._collection, self._status = collection, status

    def preview(self, active: Active, step: Step, record: RecordedStep, clean: torch.Tensor) -> None:
        """Have a step seen: decoded where that fits the time budget, roughly where not; not at all where others
        have followed already."""
        picture, decoded = None, False
        stale = active.run.kept + len(active.run.recording) > step.index + 2
        began = time.perf_counter()
        try:
            if not stale:
                model = active.painting.model
                decoded = active.budget.allows(step.elapsed_s)
                pixels = model.decode(clean) if decoded else model.linear_preview(clean)
                picture = record.kept("x0" if decoded else "draft", lambda: preview.jpeg(pixels))
                spent = time.perf_counter() - began
                self._status.previewed(spent)
                active.budget.spend(spent, decoded)
        except Exception as error:  # a preview is never worth a picture
            log.warning("no preview of step %d: %s", step.index, error)
        active.run.post(dataclasses.replace(step, preview=picture, decoded=decoded))

    def finish(self, active: Active) -> None:
        """Decode, write, then say so: pictures and their rows are durable before anybody hears of them."""
        run, model = active.run, active.painting.model
        assert active.painting.latents is not None
        if run.draft:
            run.post(Finished(run=run.id, elapsed_s=active.elapsed_s, notes=run.notes))
            return
        try:
            decoded, clips = model.finished(active.painting.latents, run.request)
            if not decoded.isfinite().all():
                raise NotANumber("The autoencoder answered values that are not numbers. Try another one.")
            made = preview.to_pictures(decoded)
            if active.painting.given.start is not None:
                made = [active.painting.given.start.finished(picture) for picture in made]
            run.thumbnail = preview.jpeg(decoded, preview.THUMBNAIL)
            for index, (picture, seed) in enumerate(zip(made, run.request.seeds, strict=True)):
                clip = clips[index] if clips else None
                path, text = self._collection.keep(
                    picture,
                    run.request,
                    index,
                    run=run.id,
                    owner=run.owner,
                    model_hash=model.weights_hash(),
                    vae=model.vae,
                    clip=clip,
                )
                run.post(Produced(run=run.id, index=index, path=path, seed=seed, infotext=text, clip=beside(path)))
            run.post(Finished(run=run.id, elapsed_s=active.elapsed_s, notes=run.notes))
        except Exception as error:
            run.post(failure(run, error))
