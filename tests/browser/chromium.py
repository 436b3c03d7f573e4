"""Finds a Chromium, or installs one: ``python -m tests.browser.chromium``. Without one it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def installed(playwright: Playwright) -> str | None:
    """Path of a Chromium on this machine: the system's or Playwright's own. The one without a window's frame opens a
    page in half the time."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    own = playwright.chromium.executable_path
    return own if os.path.exists(own) else None  # noqa: PTH110 - Playwright gives a str


def install() -> None:
    """Playwright's own build, or where that cannot be had the Debian package."""
    own = subprocess.run([sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], check=False)
    if own.returncode and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium-headless-shell"], check=True)


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser.

    Raises:
        RuntimeError: if there is none; ``make test`` installs one first.
    """
    with sync_playwright() as playwright:
        path = installed(playwright)
        if path is None:
            raise RuntimeError("No Chromium found: run python -m tests.browser.chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Install one if there is none; the exit status says whether there is one now."""
    with sync_playwright() as playwright:
        found = installed(playwright)
    if found is None:
        install()
        with sync_playwright() as playwright:
            found = installed(playwright)
    print(f"browser: {found}" if found else "No Chromium could be found or installed.")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
