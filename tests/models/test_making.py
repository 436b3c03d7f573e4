"""Models are made beside a thread that paints, and it notices nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from diffusers import UNet2DConditionModel

from studio.models import device
from studio.models.library import Source
from studio.models.loader import LoadedModel, load
from studio.models.making import making


def test_pytorchs_default_precision_stays_while_a_model_is_loaded_in_half(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    made = UNet2DConditionModel.from_config

    def noting(*arguments: Any, **options: Any) -> Any:
        seen.append(torch.get_default_dtype())
        return made(*arguments, **options)

    monkeypatch.setattr(UNet2DConditionModel, "from_config", noting)
    model = load(Source(models / "tiny-v"), "tiny-v", device.choose("cpu", "bf16"))
    assert seen == [torch.float32]
    assert {each.dtype for each in model.denoiser.parameters()} == {torch.bfloat16}
    assert {each.dtype for each in model.family.vae.parameters()} == {torch.float32}


def test_modules_of_two_threads_never_lose_their_weights(models: Path) -> None:
    made: list[LoadedModel] = []
    inside, go_on = threading.Event(), threading.Event()

    def without_memory() -> None:
        with making(), init_empty_weights():
            inside.set()
            assert go_on.wait(60)

    def loading() -> None:
        made.append(load(Source(models / "tiny-v"), "tiny-v", device.choose("cpu", "fp32")))

    threads = [threading.Thread(target=each) for each in (without_memory, loading)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    assert not made
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert not [name for name, each in made[0].denoiser.named_parameters() if each.is_meta]
