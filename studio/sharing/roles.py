"""What a visitor may ask for (pure). Whatever is not named here is refused, so that a route which
a new version of Gradio brings is closed until somebody has looked at it."""

from __future__ import annotations

import re
from enum import StrEnum


class Role(StrEnum):
    """What a visitor is."""

    OWNER = "owner"
    """Whose machine it is: paints without limits, makes and revokes links, sets the limits."""
    ARTIST = "artist"
    """Paints, and sees their own work only."""
    WATCHER = "watcher"
    """Sees one run being painted; nothing of Gradio's page reaches them."""


OPEN = re.compile(r"/(robots\.txt|favicon\.ico|gradio_api/startup-events|enter/[\w-]+|login)")
"""Asked before anybody is known, and telling nothing. Gradio asks its start-up events of itself."""
WATCHING = re.compile(r"/watch/(?P<link>[\w-]+)/(events)?")
OWNING = re.compile(r"/owner/(state|links|revoke|limits)?")
PAINTING = re.compile(
    r"/(config|theme\.css|manifest\.json|pwa_icon(/\d+)?|(assets|static|svelte)/.*)?"
    r"|/(login|logout)(/huggingface|/callback)?"
    r"|/gradio_api/(queue/(join|data)|run/[\w-]+|component_server|cancel|reset|upload|upload_progress"
    r"|heartbeat/[\w-]+|theme\.css|app_id|file=(?!\s*[a-z][\w+.-]+:/).*)/?",
    re.DOTALL | re.IGNORECASE,
)
"""What Gradio's page asks for while somebody paints. Of files only those here: an address Gradio would fetch."""

PROGRAMS = re.compile(
    r"/sdapi/v1/(txt2img|img2img|extra-single-image|png-info|progress|interrupt|skip|options|samplers|schedulers"
    r"|upscalers|sd-models|sd-vae|loras|embeddings|prompt-styles)"
)
"""What programs ask for, where whoever runs the studio lets them."""


def watched_link(path: str) -> str:
    """The id of the link whose run a path is about; empty for any other path."""
    found = WATCHING.fullmatch(path)
    return found["link"] if found else ""


def may(role: Role | None, path: str, programs: bool = False) -> bool:
    """Whether somebody in a role (None: not known to us) may ask for a path, given from the page's root on; with
    ``programs``, also for what these ask for.
    That a watcher's link is the one which the path names is for the caller to see to."""
    if OPEN.fullmatch(path):
        return True
    if role is Role.WATCHER:
        return bool(watched_link(path))
    paints = bool(PAINTING.fullmatch(path) or (programs and PROGRAMS.fullmatch(path)))
    if role is Role.ARTIST:
        return paints
    return role is Role.OWNER and (paints or bool(OWNING.fullmatch(path)))
