"""Gradio's blocks, without what it does anew for every tab, for every event, and for every output that a handler leaves
as it is.

All of that is done in the server's event loop, where everybody waits for it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlocksConfig
from gradio.components import _Keywords

PLOTS = "matplotlib"
"""Gradio imports it before and after every event, to set how it draws. Where it is not installed, every folder of
Python's path was searched for it each time."""
SKIP: dict[str, Any] = gr.skip()


class Blocks(gr.Blocks):
    """A page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if PLOTS not in sys.modules and find_spec(PLOTS) is None:
            sys.modules[PLOTS] = None  # type: ignore[assignment]  # an import then fails without a search
        self.default_config = SharedConfigs(self)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What a handler's outputs are told. For one that is skipped Gradio would make its widget anew, with the schema
        that programs would have of it."""
        outputs = block_fn.outputs
        if len(outputs) == 1 or _is_skip(predictions):
            predictions = [predictions] * len(outputs)
        if not isinstance(predictions, list | tuple):
            return list(await super().postprocess_data(block_fn, predictions, state))
        passed = [_Keywords.FINISHED_ITERATING if _is_skip(each) else each for each in predictions]
        told = await super().postprocess_data(block_fn, passed[0] if len(outputs) == 1 else passed, state)
        skipped = [_is_skip(given) and not output.stateful for given, output in zip(predictions, outputs, strict=False)]
        return [gr.skip() if skip else value for value, skip in zip(told, skipped, strict=True)]


class SharedConfigs(BlocksConfig):
    """A page's widgets, and how the browser is told of each. Every tab has a copy of this."""

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__(page)
        self._made: dict[int, dict[str, Any]] = {}

    def __copy__(self) -> BlocksConfig:
        """For a tab: a widget that it has as the page has it is told of as it was to the tabs before."""
        tab: BlocksConfig = super().__copy__()

        def config_for_block(number: int, rendered: list[int], block: Block, renderable: Any = None) -> dict[str, Any]:
            if renderable is not None or self.blocks.get(number) is not block:
                return BlocksConfig.config_for_block(number, rendered, block, renderable)
            if number not in self._made:
                self._made[number] = BlocksConfig.config_for_block(number, rendered, block)
            made = self._made[number]
            return made | {"props": dict(made["props"])}  # a tab notes there what its widget has

        tab.config_for_block = config_for_block  # type: ignore[method-assign]
        return tab


def _is_skip(value: Any) -> bool:
    return isinstance(value, dict) and value == SKIP
