"""Uploads that were broken off, or came in another field than the page's: Gradio puts the others elsewhere, and forgets
these."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool

log = logging.getLogger("stepwise")
DAY_S = 86_400.0
HALF = "tmp*"
"""What Gradio calls an upload while it comes. Nothing else lies directly in its folder, which other programs share."""


def sweep(folder: Path, now: float) -> None:
    """Delete what has lain there for a day."""
    for file in folder.glob(HALF):
        try:
            if file.is_file() and not file.is_symlink() and file.stat().st_mtime < now - DAY_S:
                file.unlink()
        except OSError as error:  # somebody else's, or gone by now
            log.warning("%s could not be deleted: %s", file, error)


@contextlib.asynccontextmanager
async def swept(_: Any) -> AsyncIterator[None]:
    """While the server runs: at its start, and every day."""

    async def again_and_again() -> None:
        while True:
            await run_in_threadpool(sweep, Path(get_upload_folder()), time.time())
            await asyncio.sleep(DAY_S)

    sweeping = asyncio.create_task(again_and_again())
    try:
        yield
    finally:
        sweeping.cancel()
