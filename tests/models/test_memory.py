"""The memory planner: what fits, from the fastest to the leanest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import ModelUnavailable
from studio.models import memory
from studio.models.memory import ASIDE, AUTO, FOUR_BITS, GIB, INTEGERS, ORDER, SMALL, STREAMED, WHOLE, Weights, choose

FLUX = Weights(11_900_000_000, {"text_encoder": 123_000_000, "text_encoder_2": 4_760_000_000}, 84_000_000)
XL = Weights(2_567_000_000, {"text_encoder": 123_000_000, "text_encoder_2": 694_000_000}, 84_000_000)
sizes = st.integers(0, 2 * 10**10)
weights = st.builds(Weights, sizes, st.dictionaries(st.sampled_from(["one", "two"]), sizes), st.integers(0, 10**8))


@pytest.mark.parametrize(("free", "plan"), [(80, WHOLE), (28, ASIDE), (16, SMALL), (8, STREAMED), (1, STREAMED)])
def test_flux_on_graphics_cards_of_many_sizes(free: float, plan: str) -> None:
    assert choose(FLUX, "cuda", "bf16", int(free * GIB)).name == plan


def test_xl_fits_a_card_of_twelve_gigabytes_whole() -> None:
    chosen = choose(XL, "cuda", "bf16", 12 * GIB)
    assert chosen.name == WHOLE
    assert chosen.sentence == "all of it on the GPU in bf16: 8.1 GB of weights, 12.0 GB were free"


def test_what_does_not_fit_on_a_cpu_is_told_with_figures() -> None:
    with pytest.raises(ModelUnavailable, match=r"needs about \d\d\.\d GB of memory and 4\.0 GB are free"):
        choose(FLUX, "cpu", "bf16", 4 * GIB)


def test_a_plan_can_be_asked_for_and_one_that_is_not_there_is_told() -> None:
    assert choose(XL, "cuda", "bf16", 80 * GIB, asked=STREAMED).name == STREAMED
    assert choose(FLUX, "cuda", "bf16", 80 * GIB, asked=INTEGERS).sentence.startswith(
        "the denoiser's linear layers as 8"
    )
    assert choose(FLUX, "cuda", "bf16", 80 * GIB, asked=FOUR_BITS).sentence.startswith(
        "the denoiser's linear layers in 4 bits (NF4), computed in bf16"
    )
    assert FLUX.held(FOUR_BITS, "bf16") < FLUX.held(INTEGERS, "bf16")
    assert memory.leaner(INTEGERS, "cuda") == memory.leaner(FOUR_BITS, "cuda") == STREAMED
    with pytest.raises(ModelUnavailable, match="one of auto, whole, fp8, int8, nf4"):
        choose(XL, "cpu", "fp32", 80 * GIB, asked=STREAMED)


@given(weights, st.sampled_from(list(ORDER)), st.sampled_from(["fp32", "bf16", "fp16"]), st.integers(0, 10**12))
def test_the_plan_fits_or_is_the_leanest_and_no_faster_one_would_fit(
    model: Weights, device: str, precision: str, free: int
) -> None:
    order = ORDER[device]
    room = free - memory.WORKING[device]
    try:
        plan = choose(model, device, precision, free, AUTO).name
    except ModelUnavailable:
        assert model.held(order[-1], precision) > room
        assert STREAMED not in order
        return
    assert plan == order[-1] or model.held(plan, precision) <= room
    assert all(model.held(faster, precision) > room for faster in order[: order.index(plan)])


@given(weights, st.sampled_from(list(ORDER)))
def test_after_memory_ran_out_a_leaner_plan_comes_until_there_is_none(model: Weights, device: str) -> None:
    plan: str | None = WHOLE
    seen = []
    while plan is not None:
        seen.append(choose(model, device, "bf16", 10**15, not_before=plan).name)
        plan = memory.leaner(plan, device)
    assert tuple(seen) == ORDER[device]
