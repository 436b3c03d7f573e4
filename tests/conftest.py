"""Models and studios that tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from studio import Settings, Studio
from tests.tiny_models import XL, control_net, stable_diffusion, stable_diffusion_xl

hypothesis_settings.register_profile("stepwise", deadline=None)  # how fast a machine is, is for tests/bench to say
hypothesis_settings.load_profile("stepwise")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with random weights in their real layout."""
    folder = tmp_path_factory.mktemp("models")
    stable_diffusion(folder / "tiny-epsilon", prediction="epsilon")
    stable_diffusion(folder / "tiny-v", prediction="v_prediction")
    stable_diffusion(folder / "tiny-inpainting", channels=9)
    stable_diffusion_xl(folder / "tiny-xl")
    stable_diffusion_xl(folder / "tiny-xl-inpainting", channels=9)
    control_net(folder / "tiny-control", 1)
    control_net(folder / "tiny-control-2", 2)
    control_net(folder / "tiny-xl-control", 3, **XL)
    control_net(folder / "tiny-xl-control-2", 4, **XL)
    return folder


@pytest.fixture(scope="session")
def studio(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A running studio in fp32 on the CPU, with the tiny models beside the embedded one."""
    settings = Settings(models=(models,), outputs=tmp_path_factory.mktemp("outputs"), device="cpu", precision="fp32")
    with Studio(settings) as running:
        yield painting(running)


@pytest.fixture(scope="module")
def own_studio(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The same over the models that a file of tests makes in a ``folder`` of its own."""
    outputs = tmp_path_factory.mktemp("outputs")
    with Studio(Settings(models=(folder,), outputs=outputs, device="cpu", precision="fp32")) as running:
        running.library.rescan()
        yield painting(running)


def painting(studio: Studio) -> Studio:
    """A studio, when its engine has loaded the embedded model: while one is loaded, tests can make none."""
    studio._ask(lambda _: None)
    return studio
