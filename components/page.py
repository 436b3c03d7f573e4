"""The page: its layout, and how it is launched."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.state_holder import SessionState
from starlette.middleware import Middleware
from starlette.routing import Router

from components import (
    branching,
    canvas,
    card,
    controls,
    drawing,
    entering,
    footer,
    gallery,
    how,
    inspector,
    models,
    owning,
    recent,
    stage,
    tree,
    watching,
)
from components.access import Access, person
from components.announcing import announce
from components.api.routes import mounted
from components.bindings import Bindings
from components.blocks import Blocks
from components.crowd import Crowd
from components.form import Form
from components.gate import Gate
from components.leftovers import MOST_TABS, Leftovers
from components.listening import Listening
from components.looking import Looking
from components.schema import Schema
from components.sweeping import swept
from components.theme import theme, variables
from components.uploads import MOST_OF_A_FILE
from components.visitors import Visitors
from components.wiring import Parts, bind, bind_gallery, bind_how, bind_models
from studio import Studio

HEADER = """
<header class="sw-header">
  <h1>step<b>wise</b></h1>
  <p>Watch a picture come out of noise, step by step.</p>
  <a class="sw-owner" href="owner/" hidden>Sharing</a>
  <button type="button" class="sw-keys" aria-pressed="true" aria-label="Single keys"><kbd>B</kbd></button>
  <button type="button" class="sw-theme" aria-label="Dark or light theme">◐</button>
</header>
"""
HEADER_SCRIPT = """
element.querySelector(".sw-owner").hidden = !(window.gradio_config && window.gradio_config.username === "local");
element.querySelector(".sw-theme").addEventListener("click", () => {
  const dark = document.body.classList.toggle("dark");
  localStorage.setItem("stepwise-theme", dark ? "dark" : "light");
});
const keys = element.querySelector(".sw-keys");
const switchKeys = (on) => {
  document.body.classList.toggle("sw-no-keys", !on);
  localStorage.setItem("stepwise-keys", on ? "on" : "off");
  keys.setAttribute("aria-pressed", on);
  keys.title = `Single keys (B, P, D, 1, 2, 3; on the canvas its own) are ${on ? "on" : "off"}`;
};
keys.addEventListener("click", () => switchKeys(document.body.classList.contains("sw-no-keys")));
switchKeys(localStorage.getItem("stepwise-keys") !== "off");
"""
"""Single keys can be switched off: whoever speaks to the machine, or hits keys unmeant, would set off anything
(WCAG 2.1.4)."""
THEME_SCRIPT = """
() => {
  const kept = localStorage.getItem("stepwise-theme");
  if (kept) document.body.classList.toggle("dark", kept === "dark");
}
"""
QUEUE_SIZE = 256
DAY_S = 86_400


def build(studio: Studio) -> gr.Blocks:
    """The page over a studio."""
    visitors = Visitors(studio.settings.public)
    browsing, offering = gallery.Gallery(studio, visitors), models.Models(studio, visitors)
    functions = [*Looking(studio, visitors).functions(), *browsing.functions(), *offering.functions()]
    with Blocks(title="Stepwise", fill_width=True, analytics_enabled=False, delete_cache=(DAY_S, DAY_S)) as page:
        gr.HTML(HEADER, js_on_load=HEADER_SCRIPT, padding=False)
        if studio.settings.space_login:
            gr.LoginButton(elem_id="login")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Create"), gr.Row(elem_id="studio", equal_height=False):
                left = gr.Column(elem_id="left", min_width=0)
                with gr.Column(elem_id="middle", min_width=0):
                    with gr.Row(elem_id="boards", equal_height=False):
                        with gr.Column(elem_id="drawing-board", min_width=0):
                            canvas.build()
                        shown = stage.build(functions)
                    with gr.Row(elem_id="below", equal_height=False):
                        grown = tree.build()
                        strip = recent.build()
                with gr.Column(elem_id="right", min_width=0), gr.Tabs(elem_id="side"):
                    with gr.Tab("Look inside", render_children=True):
                        inspector.build()
                        panel = branching.build()
                    with gr.Tab("Canvas", render_children=True):
                        drawing_widgets, drawn = drawing.build(studio.library.controls)
                with left:
                    widgets, actions = controls.build(studio.library.names, drawing_widgets, [*studio.styles.named])
            with gr.Tab("Gallery", elem_classes="sw-page sw-wide"):
                kept = gallery.build()
            with gr.Tab("How it works", elem_classes="sw-page") as opened:
                explained = how.build(opened)
            with gr.Tab("Models", elem_classes="sw-page"):
                shown_models = models.build()
                with gr.Accordion("The embedded model's card", open=False, elem_id="embedded-card"):
                    card.build()
        download = gr.DownloadButton("Download", elem_id="download", visible="hidden")
        parts = Parts(shown, strip, grown, footer.build(), download, drawn)
        made = Bindings(studio, visitors, Form(studio, widgets.names))
        bind(made, widgets, actions, panel, parts, page)
        bind_how(made, widgets, drawn, explained)
        bind_gallery(made, browsing, widgets, kept, download, drawn)
        bind_models(made, offering, widgets, shown_models)
    return page


def launch(page: gr.Blocks, studio: Studio, **options: Any) -> Any:
    """Serve the page as the studio's settings say."""
    settings, access = studio.settings, Access(studio.settings, studio.sharing)
    stays = options.pop("prevent_thread_lock", False)
    page.queue(api_open=False, max_size=QUEUE_SIZE, default_concurrency_limit=8)
    crowd, queue = Crowd(page, studio), page._queue
    gate = Middleware(
        Gate,
        access=access,
        ours=ours(access, studio, crowd),
        schema=Schema(page),
        crowd=crowd,
        listening=Listening(queue),
        leftovers=Leftovers(queue),
    )
    served = page.launch(
        server_name=settings.host,
        server_port=settings.port or None,
        share=settings.share,
        inbrowser=settings.open_browser,
        root_path=settings.root_path or None,
        auth_dependency=person,
        max_threads=crowd.threads,
        state_session_capacity=MOST_TABS,
        app_kwargs={"middleware": [gate], "lifespan": swept},
        prevent_thread_lock=True,
        max_file_size=MOST_OF_A_FILE,
        run_history=False,
        footer_links=[],
        enable_monitoring=False,
        theme=theme(),
        css=variables(),
        css_paths=[stage.ASSETS / f"{name}.css" for name in ("page", "canvas", "gallery", "models")],
        js=THEME_SCRIPT,
        head=f"<style>{(stage.ASSETS / 'narrow.css').read_text(encoding='utf-8')}</style>",
        **options,
    )
    SessionState(page)  # what tabs share of it is made with the first: not in the loop, where everybody would wait
    announce(access, page.share_url or page.local_url)
    if not stays:
        page.block_thread()
    return served


def ours(access: Access, studio: Studio, crowd: Crowd) -> Router:
    """The pages that are not Gradio's, and what programs ask for."""
    programs = [mounted(studio, crowd)] if studio.settings.api else []
    return Router([*entering.routes(access), *watching.routes(studio), *owning.routes(access, studio), *programs])
