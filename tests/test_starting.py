"""The first seconds of a studio, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ASKED_AT_ONCE = """
import sys
from pathlib import Path
from studio import Settings, Studio
from studio.models.library import EMBEDDED

with Studio(Settings(outputs=Path(sys.argv[1]), device="cpu")) as studio:
    counted = studio.count("a cat", EMBEDDED)
    print(counted, hasattr(sys.modules.get("studio.engine"), "Engine"))
"""


def test_who_asks_at_once_does_not_import_pytorch_beside_the_engine(tmp_path: Path) -> None:
    """Two threads that import it at the same time see halves of it: an ImportError, now and then."""
    command = [sys.executable, "-W", "ignore", "-c", ASKED_AT_ONCE, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert told.strip() == "2 / 30 tokens True"
