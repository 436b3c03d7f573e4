"""What Gradio does anew for every tab and every output that is skipped, and the page does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig

from components.blocks import SKIP, Blocks
from tests.components.serving import Serving, Tab


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("blocks"), behind_proxy=True)
    yield made
    made.close()


def test_an_output_that_is_skipped_keeps_its_widget_and_is_told_nothing(serving: Serving) -> None:
    tab = serving.artist()
    stage = tab.do("paint", tab.values("paint", Steps=3))[0]
    assert (stage["state"], len(stage["steps"])) == ("finished", 3)
    widgets = serving.page.state_holder.session_data[tab.session].blocks_config.blocks
    assert all(widgets[output._id] is output for output in tab.event("paint").outputs)


def test_what_is_skipped_and_what_is_not_reach_their_widgets_in_any_form() -> None:
    with Blocks(analytics_enabled=False) as page:
        text, number, kept = gr.Textbox("a"), gr.Number(1), gr.State("kept")
        text.change(lambda: None, None, [text, number, kept])
        number.change(lambda: None, None, text)
    three, one = page.fns.values()

    def told(event: Any, given: Any) -> list[Any]:
        with ThreadPoolExecutor(1) as elsewhere:  # a browser's tests may have left a loop in this thread
            return elsewhere.submit(asyncio.run, page.postprocess_data(event, given, None)).result()

    assert told(three, ("b", SKIP, SKIP)) == ["b", SKIP, None]
    assert told(three, SKIP) == [SKIP, SKIP, None]
    assert told(three, {number: 2}) == [SKIP, 2, None]
    assert told(one, SKIP) == [SKIP]
    assert told(one, "c") == ["c"]
    assert told(one, gr.update(visible=False)) == [{"visible": False, "__type__": "update"}]


def test_tabs_share_what_the_browser_is_told_of_widgets_until_they_differ(serving: Serving) -> None:
    changed, other = serving.artist(), serving.artist()
    for tab in (changed, other):
        tab.do("stop")
    assert changed.do("paint", changed.values("paint", Steps=1))[0]["state"] == "finished"
    other.do("paint", other.values("paint", Steps=1, Prompt=""))
    stage = changed.event("paint").outputs[0]
    runs = {tab: value_of(serving, tab, stage)["run"] for tab in (changed, other)}
    assert runs[changed] != runs[other], "each has the values of its own"
    fresh = serving.artist()
    fresh.do("stop")
    tabs = serving.page.state_holder.session_data
    told = tabs[fresh.session].config_values
    assert told[stage._id]["api_info"] is tabs[other.session].config_values[stage._id]["api_info"], "made once"
    alone = {number: BlocksConfig.config_for_block(number, [], block) for number, block in serving.page.blocks.items()}
    assert json.dumps(told, default=str) == json.dumps(alone, default=str), "what it would be without sharing"
    assert value_of(serving, fresh, stage)["run"] == ""


def value_of(serving: Serving, tab: Tab, widget: Any) -> Any:
    return serving.page.state_holder.session_data[tab.session].config_values[widget._id]["props"]["value"]
