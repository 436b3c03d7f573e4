"""What becomes of steps and finished runs behind the denoising, in a thread of its own: previews, pictures, files."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence

import torch

from studio.active import Active
from studio.clips import Clip, beside
from studio.diffusion import preview
from studio.endings import failure, is_out_of_memory
from studio.errors import NotANumber
from studio.events import Finished, Produced, Step
from studio.gallery import infotext
from studio.gallery.collection import Collection
from studio.models import keeping
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

    def _decoded(self, active: Active, latents: torch.Tensor) -> tuple[torch.Tensor, Sequence[Clip]]:
        """The finished pictures, and their films or sounds. Where the memory is not enough for all at once, the steps
        are not lost: the autoencoder takes them in parts, from now on."""
        model, request = active.painting.model, active.run.request
        try:
            return model.finished(latents, request)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        keeping.slim(model.family.vae)
        return model.finished(latents, request)

    def finish(self, active: Active) -> None:
        """Decode, write, then say so: pictures and their rows are durable before anybody hears of them."""
        run, model = active.run, active.painting.model
        assert active.painting.latents is not None
        if run.draft:
            run.post(Finished(run=run.id, elapsed_s=active.elapsed_s, notes=run.notes))
            return
        try:
            decoded, clips = self._decoded(active, active.painting.latents)
            if not decoded.isfinite().all():
                raise NotANumber("The autoencoder answered values that are not numbers. Try another one.")
            made = preview.to_pictures(decoded)
            if active.painting.given.start is not None:
                made = [active.painting.given.start.finished(picture) for picture in made]
            hashes = infotext.hashes_of(
                ((lora.tag.name, lora.short_hash) for lora in active.painting.given.loras),
                ((one.name, one.short_hash) for one in active.painting.given.embeddings),
            )
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
                    hashes=hashes,
                    clip=clip,
                )
                run.post(Produced(run=run.id, index=index, path=path, seed=seed, infotext=text, clip=beside(path)))
            run.post(Finished(run=run.id, elapsed_s=active.elapsed_s, notes=run.notes))
        except Exception as error:
            run.post(failure(run, error))
