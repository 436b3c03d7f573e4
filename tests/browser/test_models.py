"""The models' tab as a person uses it: looks, finds, chooses one to paint with, downloads another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from components.suggestions import EXAMPLES
from studio.models.catalogue import CATALOGUE
from studio.models.download import Downloads, Phase
from studio.models.library import Library
from studio.models.licences import Licences
from tests.browser.conftest import WAIT_MS, Served
from tests.hub import Hub, hub_at_work
from tests.models.test_download import WEIGHTS
from tests.models.test_library import lora, pipeline

TINY, WEIGHTS_NAME = "taesd", "diffusion_pytorch_model.safetensors"
HOSTILE = '<img src=x onerror="window.ran = true">'


@pytest.fixture
def models(page: Page, served: Served, tmp_path: Path) -> Iterator[Page]:
    """The page, turned to the models, over a folder of the test's own."""
    folder, before, downloads = tmp_path / "models", served.studio.library, served.studio.downloads
    lora(folder / "Lora" / "fox.safetensors", {"modelspec.trigger_phrase": HOSTILE, "modelspec.license": "mit"})
    pipeline(folder / "mine", cross_attention_dim=768)
    (folder / "lines").mkdir()
    (folder / "lines" / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 768}')
    (folder / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    library = served.studio.library = Library([folder])
    served.studio.downloads = Downloads(folder, Licences(tmp_path / "licences.json"), library.rescan)
    library.rescan()
    page.get_by_role("tab", name="Models").click()
    page.wait_for_selector(".sw-m-list > li")
    yield page
    served.studio.downloads.close()
    served.studio.library, served.studio.downloads = before, downloads


def test_models_are_listed_found_and_told_of(models: Page) -> None:
    rows = models.locator(".sw-m-list > li")
    expect(rows).to_have_count(6)
    models.get_by_role("button", name="Cannot be read").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("can run code when it is opened")
    models.get_by_role("button", name="All").click()
    models.get_by_label("Find models").fill("fox")
    expect(rows).to_have_count(1)
    rows.first.locator("summary").click()
    expect(rows.first.locator("dl")).to_contain_text(HOSTILE)
    expect(rows.first.locator("dl")).to_contain_text("mit")
    assert models.evaluate("window.ran") is None
    models.get_by_label("Find models").fill("nothing of the kind")
    expect(models.get_by_text("No model fits.")).to_be_visible()


def test_one_is_chosen_to_paint_with_and_brings_its_settings(models: Page) -> None:
    models.get_by_role("button", name="Paint with stepwise-embedded-4-steps").click()
    expect(models.locator("#model input")).to_have_value("stepwise-embedded-4-steps")
    expect(models.locator("#steps input[type=number]")).to_have_value("4")
    expect(models.locator("#width input")).to_have_value("128")
    expect(models.locator("#paint")).to_be_visible()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_at_work(monkeypatch) as hub:
        hub.repos[CATALOGUE[TINY].repo] = {
            "config.json": b'{"_class_name": "AutoencoderTiny"}',
            WEIGHTS_NAME: WEIGHTS,
        }
        yield hub


def test_a_model_is_downloaded_cancelled_and_gone_on_with(models: Page, hub: Hub, served: Served) -> None:
    hub.held = WEIGHTS_NAME
    models.get_by_role("button", name="Get more").click()
    row = models.locator(f'[data-name="{TINY}"]')
    row.get_by_role("button", name="Download").click()
    expect(row).to_contain_text("Read and accept its licence first: MIT License")
    row.get_by_role("button", name="Accept and download").click()
    assert hub.halfway.wait(60)
    expect(row.get_by_role("progressbar")).to_have_attribute("max", str(len(WEIGHTS) + 34), timeout=WAIT_MS)
    row.get_by_role("button", name="Cancel").click()
    hub.held = ""
    hub.go_on.set()
    row.get_by_role("button", name="Go on").click()
    expect(row).to_contain_text("✓ here", timeout=WAIT_MS)
    progress = served.studio.downloads.progress(TINY)
    assert progress is not None
    assert progress.phase == Phase.DONE
    models.get_by_role("button", name="Yours").click()
    expect(models.locator(".sw-m-list > li", has_text=TINY)).to_have_count(1)


def test_what_goes_wrong_is_told_and_can_be_thrown_away(models: Page, hub: Hub) -> None:
    hub.repos.clear()
    models.get_by_role("button", name="Get more").click()
    row = models.locator(f'[data-name="{TINY}"]')
    row.get_by_role("button", name="Download").click()
    row.get_by_role("button", name="Accept and download").click()
    expect(row).to_contain_text("The hub has no madebyollin/taesd any more", timeout=WAIT_MS)
    row.get_by_role("button", name="Throw away").click()
    expect(row.get_by_role("button", name="Download")).to_be_visible()
    expect(row).not_to_contain_text("any more")


def test_without_a_connection_it_is_told_and_found_again_with_one(models: Page) -> None:
    models.get_by_role("button", name="Get more").click()
    row, questions = models.locator(f'[data-name="{TINY}"]'), "**/component_server/**"
    row.get_by_role("button", name="Download").click()
    models.route(questions, lambda route: route.abort())
    row.get_by_role("button", name="Accept and download").click()
    expect(row).to_contain_text("The studio cannot be reached.")
    with models.expect_event("requestfailed"):
        models.get_by_role("button", name="Yours").click()
    models.unroute(questions)
    expect(models.locator(".sw-m-list > li")).to_have_count(6)


def test_a_control_net_is_chosen_on_the_canvas(models: Page, served: Served) -> None:
    models.get_by_role("button", name="Use lines on the canvas").click()
    expect(models.locator("#control-0 input")).to_have_value("lines")
    expect(models.locator("#control-0")).to_be_visible()
    expect(models.locator("#canvas")).to_be_visible()
    models.keyboard.press("d")


def test_a_lora_goes_into_the_prompt(models: Page) -> None:
    models.get_by_role("button", name="Add fox to the prompt").click()
    expect(models.locator("#prompt textarea")).to_have_value(f"{EXAMPLES[0]} <lora:fox:1>")
    expect(models.locator(".sw-count").first).to_contain_text("8 / 30 tokens")
