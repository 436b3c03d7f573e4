"""What the tests of families share: a studio over the models that each file makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Settings, Studio


@pytest.fixture(scope="module")
def studio(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A running studio in fp32 on the CPU, with the models of the file."""
    outputs = tmp_path_factory.mktemp("outputs")
    with Studio(Settings(outputs=outputs, models=(models,), device="cpu", precision="fp32")) as made:
        made.library.rescan()
        yield made
