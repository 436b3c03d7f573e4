"""What the tests of families share: a studio over the models that each file makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio import Studio


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    return models


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio
