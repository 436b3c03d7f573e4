"""Infotext: what a picture says about itself can be read back, and nobody's text does harm."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studio.gallery.infotext import LONGEST, NEGATIVE, hashes_of, of_request, parse, to_fields
from studio.presets import SAMPLERS, schedules_of
from studio.request import MAX_SEED, GenerationRequest

REAL = """masterpiece, (a cat:1.2), <lora:rain:0.8>
on a street, Steps: worn
Negative prompt: blurry, bad hands
text
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 2746193, Size: 512x768, Model hash: 6ce0161689, \
Model: v1-5-pruned-emaonly, Clip skip: 2, Lora hashes: "rain: 1a2b3c, snow: 4d5e6f", Version: v1.10.1"""

PROMPTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n,:"\\() ')).map(str.strip)
SAMPLER_AND_SCHEDULE = st.sampled_from([(label, one) for label in SAMPLERS for one in schedules_of(label)])


@given(
    prompt=PROMPTS,
    negative=PROMPTS,
    model=st.text(),
    solver=SAMPLER_AND_SCHEDULE,
    steps=st.integers(1, 150),
    cfg_scale=st.floats(0, 30) | st.integers(0, 30),
    size=st.tuples(st.integers(8, 256), st.integers(8, 256)),
    seed=st.integers(0, MAX_SEED),
)
def test_a_requests_fields_come_back_from_its_infotext(
    prompt: str,
    negative: str,
    model: str,
    solver: tuple[str, str],
    steps: int,
    cfg_scale: float,
    size: tuple[int, int],
    seed: int,
) -> None:
    assume(NEGATIVE not in prompt and steps <= SAMPLERS[solver[0]].most_steps)
    fields = {
        "prompt": prompt,
        "negative_prompt": negative,
        "model": model,
        "sampler": solver[0],
        "schedule": solver[1],
        "steps": steps,
        "cfg_scale": cfg_scale,
        "width": size[0] * 8,
        "height": size[1] * 8,
        "seed": seed,
    }
    text = of_request(GenerationRequest(**fields), 0, "0a1b2c3d4e")  # type: ignore[arg-type]
    assert to_fields(parse(text)) == fields


def test_it_reads_as_the_web_ui_writes_it() -> None:
    request = GenerationRequest(
        prompt="a cat\nasleep", negative_prompt="rain", model="my model, v2", cfg_scale=7, seed=5
    )
    assert of_request(request, 0, "0a1b") == (
        "a cat\nasleep\nNegative prompt: rain\n"
        "Steps: 24, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7, Seed: 5, Size: 128x128, "
        'Model hash: 0a1b, Model: "my model, v2", RNG: CPU, Version: Stepwise'
    )


def test_hashes_are_written_as_the_web_ui_writes_them() -> None:
    hashes = hashes_of([("rain, v2", "1a2b3c4d5e6f"), ("new", "")], [("EasyNight", "c74b4e810b03")])
    assert hashes == {"Lora hashes": "rain v2: 1a2b3c4d5e6f", "TI hashes": "EasyNight: c74b4e810b03"}
    text = of_request(GenerationRequest(prompt="a cat", seed=5), 0, "0a1b", hashes=hashes)
    assert 'Lora hashes: "rain v2: 1a2b3c4d5e6f", TI hashes: "EasyNight: c74b4e810b03"' in text
    assert parse(text) | hashes == parse(text)
    assert hashes_of([("new", "")], []) == {}


def test_no_negative_prompt_writes_no_line_of_it() -> None:
    assert NEGATIVE not in of_request(GenerationRequest(prompt="a cat"), 0, "0a1b")


def test_a_known_infotext_is_read() -> None:
    found = parse(REAL)
    assert found["Prompt"] == "masterpiece, (a cat:1.2), <lora:rain:0.8>\non a street, Steps: worn"
    assert found["Negative prompt"] == "blurry, bad hands\ntext"
    assert found["Clip skip"] == "2"
    assert found["Lora hashes"] == "rain: 1a2b3c, snow: 4d5e6f"
    assert found["Version"] == "v1.10.1"


def test_the_old_fused_sampler_label_gives_sampler_and_schedule() -> None:
    fields = to_fields(parse(REAL))
    assert (fields["sampler"], fields["schedule"]) == ("DPM++ 2M", "Karras")
    assert (fields["width"], fields["height"], fields["steps"], fields["cfg_scale"]) == (512, 768, 28, 6.5)


def test_a_schedule_of_its_own_wins_over_the_fused_one() -> None:
    fields = to_fields({"Sampler": "DPM++ 2M Karras", "Schedule type": "Beta"})
    assert (fields["sampler"], fields["schedule"]) == ("DPM++ 2M", "Beta")


@pytest.mark.parametrize("label", ["karras", "KARRAS", "Karras "])
def test_a_schedule_is_known_in_any_case(label: str) -> None:
    fields = to_fields({"Sampler": "Euler", "Schedule type": label})
    assert (fields["sampler"], fields["schedule"]) == ("Euler", "Karras")


def test_a_last_line_with_fewer_than_three_pairs_belongs_to_the_prompt() -> None:
    assert parse("a cat\nSteps: 20, Seed: 1") == {"Prompt": "a cat\nSteps: 20, Seed: 1", "Negative prompt": ""}


def test_settings_without_a_prompt_are_read() -> None:
    assert to_fields(parse("Steps: 20, Seed: 1, CFG scale: 7")) == {
        "prompt": "",
        "negative_prompt": "",
        "steps": 20,
        "seed": 1,
        "cfg_scale": 7.0,
    }


@pytest.mark.parametrize(
    "settings",
    [
        "Steps: many, Seed: 0x12, CFG scale: high",
        "Size: 512, Steps: , Seed: " + "9" * 5000,
        "Size: 5x, Seed: -, Steps: 1.5",
    ],
    ids=lambda text: text[:20],
)
def test_values_that_are_not_what_they_should_be_are_left_out(settings: str) -> None:
    assert to_fields(parse("a cat\n" + settings)) == {"prompt": "a cat", "negative_prompt": ""}


@given(
    st.text() | st.text(st.sampled_from('a: ,"\\\n-/é\u2028\r\x001')) | st.text().map(lambda text: f"{REAL}, {text}")
)
def test_no_text_makes_reading_fail(text: str) -> None:
    assert to_fields(parse(text)).keys() <= GenerationRequest.__dataclass_fields__.keys()


@pytest.mark.parametrize("unit", ["a", "a/", " ", "a ", "aa:", 'aa:"', 'aa:"\\', '"', "\\", "\n", "Negative prompt:"])
def test_the_longest_hostile_text_is_read_in_one_go(unit: str) -> None:
    """Where the time grows with the square of the length, this takes minutes."""
    found = parse(unit * LONGEST)
    assert sum(map(len, found.values())) <= LONGEST
