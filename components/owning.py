"""The owner's page: who waits, how the machine does, the links there are, what others may have painted.

It is a page of its own, so that nothing of it is in what others are served.
"""

from __future__ import annotations

import hashlib
import time
from html import escape
from typing import Any
from urllib.parse import parse_qs

import psutil
import segno
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from components.access import Access
from components.announcing import made, reachable
from components.body import body
from components.curves import MINUTES, curves
from components.plain import document, sentence
from components.stage import ASSETS
from studio import Studio
from studio.gallery.pictures import LOCAL
from studio.sharing.budget import Allowance
from studio.sharing.roles import Role

COLOURS = {"amber": 38, "blue": 210, "coral": 12, "green": 130, "indigo": 240, "lilac": 275, "pink": 330, "teal": 175}
ANIMALS = ("badger", "crane", "finch", "fox", "hare", "heron", "lynx", "marten", "moth", "newt", "otter", "owl", "seal")
LONGEST_LABEL, MOST_FORM_BYTES = 60, 8192
MEGAPIXEL_STEPS = 10**6


def routes(access: Access, studio: Studio) -> list[Route]:
    """The page, its live figures, and what its forms do. The gate lets in only the owner."""

    async def page(_: Request) -> Response:
        return owner_page(access)

    async def live(_: Request) -> Response:
        return JSONResponse(state(studio), headers={"Cache-Control": "no-store"})

    async def make(request: Request) -> Response:
        label = (await _form(request)).get("label", "")[:LONGEST_LABEL].strip()
        token, _ = made(access, Role.ARTIST, label or "link for artists")
        link = f"{_base(access, request)}enter/{token}"
        return owner_page(access, link)

    async def revoke(request: Request) -> Response:
        access.sharing.links.revoke((await _form(request)).get("id", ""))
        return RedirectResponse("./", status_code=303)

    async def grant(request: Request) -> Response:
        form = await _form(request)
        try:
            waiting, side, work = (int(form.get(name, "")) for name in ("waiting", "side", "work"))
            access.sharing.grant(Allowance(waiting=waiting, side=side, work_a_day=work * MEGAPIXEL_STEPS))
        except ValueError:
            return sentence(400, "Limits are whole numbers from 0 on; 0 means no limit. Go back and try again.")
        return RedirectResponse("./", status_code=303)

    return [
        Route("/owner", lambda _: RedirectResponse("owner/", status_code=307)),
        Route("/owner/", page),
        Route("/owner/state", live),
        Route("/owner/links", make, methods=["POST"]),
        Route("/owner/revoke", revoke, methods=["POST"]),
        Route("/owner/limits", grant, methods=["POST"]),
    ]


def known_as(person: str) -> tuple[str, int]:
    """A short name for a person and its hue in degrees: theirs alone mostly, and telling nothing of them."""
    if person == LOCAL:
        return "you", 0
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big")
    colour = list(COLOURS)[number % len(COLOURS)]
    return f"{colour} {ANIMALS[number // 64 % len(ANIMALS)]} {number // 4096 % 90 + 10}", COLOURS[colour]


def state(studio: Studio) -> dict[str, Any]:
    """The machine now, and its last minutes."""
    status = studio.status.state
    names = [known_as(run.owner) for run in studio.waiting]
    facts = {
        "Engine": " · ".join(filter(None, (status.placement or status.message, status.plan))),
        "Being painted": str(len(studio.engine.runs) if studio.engine else 0),
        "Memory of the machine": f"{psutil.virtual_memory().percent:.0f}% in use",
        **_gpu(studio),
        "Kept runs": str(studio.runs.gauge.runs),
        "Failed in the last hour": str(studio.sharing.failures()),
    }
    waiting = [{"name": name, "hue": hue} for name, hue in names]
    return {"facts": facts, "waiting": waiting, "curves": curves(studio.course.points)}


def owner_page(access: Access, new_link: str = "") -> Response:
    """The page; a link that was just made is shown on it this once."""
    allowed = access.sharing.allowance
    fields = {
        "waiting": ("Runs of one person at once", allowed.waiting),
        "work": ("Megapixel steps a person a day", allowed.work_a_day // MEGAPIXEL_STEPS),
        "side": ("Longest side of a picture", allowed.side),
    }
    inputs = "".join(
        f'<label>{label} <input name="{name}" type="number" min="0" max="1000000000" value="{value}" required></label>'
        for name, (label, value) in fields.items()
    )
    body = f"""<header class="sw-header"><h1>step<b>wise</b></h1><p>Sharing</p>
<a href="../">Back to painting</a></header>
<main class="sw-owning">
<section><h2>Now</h2><h3>The last {MINUTES} minutes</h3><ul class="sw-course"></ul>
<h3>The machine</h3><dl class="sw-facts"></dl><h3>Who waits</h3><ol class="sw-waiting"></ol></section>
<section><h2>Links</h2>{_shown_once(new_link)}
<form method="post" action="links"><label>For whom <input name="label" maxlength="{LONGEST_LABEL}"></label>
<button>Make a link</button></form><ul class="sw-links">{_links(access)}</ul></section>
<section><h2>Limits</h2><p>For everybody but you. 0 means no limit. 512 × 512 in 30 steps is 8 megapixel steps.</p>
<form method="post" action="limits">{inputs}<button>Set</button></form></section></main>"""
    return document("Stepwise: sharing", body, (ASSETS / "owner.js").read_text(encoding="utf-8"))


def _shown_once(link: str) -> str:
    if not link:
        return ""
    picture = segno.make(link, error="l").svg_data_uri(scale=4, border=2, light="#ffffff")
    said = "Shown this once. Whoever has it can paint here."
    return (
        f'<p role="status">{said}</p><p class="sw-new-link"><code>{escape(link)}</code></p>'
        f'<img class="sw-qr" alt="The link as a QR code" src="{picture}">'
    )


def _links(access: Access) -> str:
    return "".join(
        f"<li><b>{escape(link.label)}</b><span>{link.role.value}</span>"
        f"<span>until {time.strftime('%d %b, %H:%M', time.localtime(link.expires))}</span>"
        f'<form method="post" action="revoke"><input type="hidden" name="id" value="{link.id}">'
        f'<button aria-label="Revoke {escape(link.label)}">Revoke</button></form></li>'
        for link in access.sharing.links.alive()
    )


def _base(access: Access, request: Request) -> str:
    """The address others type: the one this page was asked under."""
    shared = next((f"https://{host}" for host in access.hosts if access.settings.share and "gradio" in host), "")
    return reachable(shared or f"{request.url.scheme}://{request.headers['host']}", access.settings.root_path)


async def _form(request: Request) -> dict[str, str]:
    content = await body(request.receive, MOST_FORM_BYTES)
    given = parse_qs(content.decode(errors="replace")) if len(content) <= MOST_FORM_BYTES else {}
    return {name: values[0] for name, values in given.items()}


def _gpu(studio: Studio) -> dict[str, str]:
    memory = studio.gpu_memory()
    return {"Memory of the GPU": f"{memory[0] / 2**20:.0f} of {memory[1] / 2**20:.0f} MB"} if memory else {}
