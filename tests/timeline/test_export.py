"""Exported strips and trees, read back: as many frames as steps, for as long and in the colours they should be."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from studio import GenerationRequest, Run, Studio
from studio.diffusion.denoised import NoiseLevel
from studio.diffusion.midway import START
from studio.errors import StudioError, UnreadablePicture
from studio.limits import Limits
from studio.models.library import EMBEDDED
from studio.request import Branch
from studio.timeline import animation, frames_zip, lettering, strip_sheet, tree_sheet
from studio.timeline.export import SUFFIXES, Kind, export, export_tree
from studio.timeline.words import midway_of, words_in_force

STEPS = 6
KINDS: tuple[Kind, ...] = get_args(Kind)
MOVING: tuple[Kind, ...] = ("gif", "webp", "mp4")
GROUND = (0x11, 0x12, 0x14)


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    request = GenerationRequest(prompt="a red car on a beach", seed=7, steps=STEPS, model=EMBEDDED)
    return painted(studio.submit(request))


@pytest.fixture(scope="module")
def branch(studio: Studio, run: Run) -> Run:
    return painted(studio.branch(run, 2, prompt="a [dog:cat:4] on a beach", cfg_scale=4.0))


def shown(run: Run) -> list[Image.Image]:
    return [Image.open(io.BytesIO(step.preview)) for step in run.steps]


def repainted(run: Run, draw: Callable[[int], Image.Image], count: int = STEPS) -> Run:
    """A run whose steps show other pictures."""
    other = Run(run.request, "somebody")
    for index in range(count):
        file = io.BytesIO()
        draw(index).save(file, "JPEG", quality=95, subsampling=0)
        other.recording.append(dataclasses.replace(run.steps[index % STEPS], pictures={"x0": file.getvalue()}))
    return other


def decoded(path: Path) -> list[tuple[NDArray[np.uint8], float]]:
    """Every frame of an animation with how long it is shown, in seconds."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as file:
            pictures = [np.asarray(frame.to_image()) for frame in file.decode(video=0)]
            rate = file.streams.video[0].average_rate
        assert rate is not None
        return [(picture, float(1 / rate)) for picture in pictures]
    found = []
    with Image.open(path) as file:
        for index in range(getattr(file, "n_frames", 1)):
            file.seek(index)
            picture = np.asarray(file.convert("RGB"))
            found.append((picture, file.info["duration"] / 1000))
    return found


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_more_pixels_than_memory_should_hold_are_refused(run: Run, tmp_path: Path, kind: Kind) -> None:
    large = repainted(run, lambda _: Image.new("RGB", (2048, 2048)), 65)
    with pytest.raises(StudioError, match="MP4"):
        export(large, kind, tmp_path / f"strip{SUFFIXES[kind]}")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("kind", "least_db"), [("gif", 30), ("webp", 32), ("mp4", 29)])
def test_every_step_is_a_frame_as_it_was_shown(run: Run, tmp_path: Path, kind: Kind, least_db: float) -> None:
    found = decoded(export(run, kind, tmp_path / f"strip{SUFFIXES[kind]}"))
    pictures = shown(run)
    assert len(found) == STEPS - 1 + (10 if kind == "mp4" else 1)
    for (frame, _), picture in zip(found, pictures, strict=False):
        assert frame.shape[:2] == picture.size[::-1]
        assert psnr(frame, np.asarray(picture)) > least_db


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("speed", [4, 8, 12.5])
def test_frames_follow_at_the_rate_asked_for_and_the_last_is_held(
    run: Run, tmp_path: Path, kind: Kind, speed: float
) -> None:
    found = decoded(export(run, kind, tmp_path / f"strip{SUFFIXES[kind]}", frames_per_second=speed))
    times = [seconds for _, seconds in found]
    assert times[0] == pytest.approx(1 / speed, abs=0.0051)
    assert sum(times[: STEPS - 1]) == pytest.approx((STEPS - 1) / speed, abs=0.0051)
    assert sum(times[STEPS - 1 :]) == pytest.approx(1.2, abs=0.5 / speed)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_loops_for_ever(run: Run, tmp_path: Path, kind: Kind) -> None:
    with Image.open(export(run, kind, tmp_path / "strip")) as file:
        assert file.info["loop"] == 0


@given(count=st.integers(1, 200), speed=st.floats(1, 50), tick=st.sampled_from([1, 10]))
def test_rounded_durations_do_not_add_up(count: int, speed: float, tick: int) -> None:
    times = animation.durations(count, speed, tick)
    assert len(times) == count
    assert times[-1] == 1200
    assert all(time > 0 and time % tick == 0 for time in times)
    assert abs(sum(times[:-1]) - (count - 1) * 1000 / speed) <= tick / 2 + 1e-6


def test_in_a_gif_still_ground_stands_still(run: Run, tmp_path: Path) -> None:
    """Neither a palette of each frame's own nor errors that a dither carries on would let it."""
    x, y = np.meshgrid(np.linspace(0, 255, 96), np.linspace(0, 255, 96))
    ground = np.stack([x, y, 255 - x], axis=2).astype(np.uint8)
    random = np.random.default_rng(0)

    def draw(_: int) -> Image.Image:
        pixels = ground.copy()
        pixels[:48] = random.integers(0, 256, (48, 96, 3))
        return Image.fromarray(pixels)

    found = [frame for frame, _ in decoded(export(repainted(run, draw), "gif", tmp_path / "strip.gif"))]
    assert len(found) == STEPS
    for one, other in pairwise(found):
        assert np.array_equal(one[56:], other[56:])  # but for a block of the JPEG at the border
    assert psnr(found[0][56:], ground[56:]) > 20


def test_a_gifs_palette_has_the_colours_of_every_frame(run: Run, tmp_path: Path) -> None:
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (240, 240, 20), (20, 230, 230), (230, 20, 230)]
    path = export(repainted(run, lambda index: Image.new("RGB", (64, 64), colours[index])), "gif", tmp_path / "a.gif")
    for (frame, _), colour in zip(decoded(path), colours, strict=True):
        assert np.abs(frame.mean((0, 1)) - colour).max() < 4


def test_an_mp4_is_what_browsers_and_phones_play(run: Run, tmp_path: Path) -> None:
    path = export(run, "mp4", tmp_path / "strip.mp4")
    with av.open(str(path)) as file:
        (stream,) = file.streams
        codec = file.streams.video[0].codec_context
        assert (stream.type, codec.name, codec.pix_fmt) == ("video", "h264", "yuv420p")
        assert codec.colorspace == codec.color_primaries == codec.color_trc == codec.color_range == 1  # BT.709, 16..235
    written = path.read_bytes()
    assert 0 < written.index(b"moov") < written.index(b"mdat")


def test_an_mp4_has_the_colours_it_says_it_has(run: Run, tmp_path: Path) -> None:
    path = export(repainted(run, lambda _: Image.new("RGB", (64, 64), (220, 40, 30))), "mp4", tmp_path / "red.mp4")
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0)).reformat(format="rgb24", src_colorspace=1, src_color_range=1)
    assert np.abs(frame.to_ndarray().mean((0, 1)) - (220, 40, 30)).max() < 4


def test_odd_pictures_are_padded_by_their_edge_and_never_cropped(run: Run, tmp_path: Path) -> None:
    def draw(_: int) -> Image.Image:
        picture = Image.new("RGB", (67, 65), (30, 60, 90))
        picture.paste((220, 200, 40), (59, 0, 67, 65))
        return picture

    frame, _ = decoded(export(repainted(run, draw), "mp4", tmp_path / "odd.mp4"))[0]
    assert frame.shape == (66, 68, 3)
    assert np.abs(frame[:, -1].astype(int) - frame[:, -3]).max() < 12
    assert frame[:, -1, 0].min() > 180


@given(st.integers(1, 9), st.integers(1, 9))
def test_even_sizes_stay_and_odd_ones_repeat_their_border(width: int, height: int) -> None:
    pixels = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    padded = np.asarray(animation.even(Image.fromarray(pixels)))
    assert padded.shape == (height + height % 2, width + width % 2, 3)
    assert np.array_equal(padded[:height, :width], pixels)
    assert np.array_equal(padded[-1, :width], pixels[-1])
    assert np.array_equal(padded[:height, -1], pixels[:, -1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_step_and_frames_of_other_sizes_are_exported_too(run: Run, tmp_path: Path, kind: Kind) -> None:
    one = repainted(run, lambda _: Image.new("RGB", (64, 64), (90, 90, 90)), count=1)
    mixed = repainted(run, lambda index: Image.new("RGB", (64 + 8 * index, 64), (40 * index, 90, 90)))
    for strip in (one, mixed):
        path = export(strip, kind, tmp_path / f"strip{SUFFIXES[kind]}")
        assert path.stat().st_size > 0
        if kind in MOVING:
            assert {frame.shape for frame, _ in decoded(path)} == {(64, 64, 3)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_exported_as_its_grid(studio: Studio, tmp_path: Path, kind: Kind) -> None:
    request = GenerationRequest(model="tiny-v", batch_size=3, steps=3, width=64, height=72, seed=1)
    batch = painted(studio.submit(request))
    path = export(batch, kind, tmp_path / f"strip{SUFFIXES[kind]}")
    if kind in MOVING:
        assert decoded(path)[0][0].shape == (144, 128, 3)
    assert path.stat().st_size > 1000
    assert export_tree([batch], tmp_path / "tree.png").stat().st_size > 1000


def test_a_zip_holds_every_frame_as_it_is_and_its_data(branch: Run, tmp_path: Path) -> None:
    branch.name, branch.note = "the other animal", "warmer – σ"
    with zipfile.ZipFile(export(branch, "zip", tmp_path / "strip.zip")) as file:
        names = [f"{number:03}.jpg" for number in range(1, STEPS + 1)]
        assert file.namelist() == [*names, "steps.json"]
        assert {entry.compress_type for entry in file.infolist()} == {zipfile.ZIP_STORED}
        assert [file.read(name) for name in names] == [step.preview for step in branch.steps]
        about = json.loads(file.read("steps.json"))
    assert (about["name"], about["note"]) == (branch.name, branch.note)
    assert GenerationRequest.from_json(json.dumps(about["request"])) == branch.request
    assert [told["file"] for told in about["steps"]] == names
    assert [told["step"] for told in about["steps"]] == list(range(1, STEPS + 1))
    for told, step in zip(about["steps"], branch.steps, strict=True):
        assert (told["sigma"], told["timestep"], told["cfg_scale"]) == (step.sigma, step.timestep, step.cfg_scale)
        assert told["log_snr"] == pytest.approx(2 * math.log(step.level.alpha / step.level.sigma))
    words = [told["prompt"] for told in about["steps"]]
    assert words == ["a red car on a beach"] * 2 + ["a dog on a beach"] * 2 + ["a cat on a beach"] * 2
    assert [told["cfg_scale"] for told in about["steps"]] == [run_cfg(branch, index) for index in range(STEPS)]


def run_cfg(branch: Run, index: int) -> float:
    """The CFG scale of the run in which a step was painted."""
    assert branch.parent is not None
    return (branch.parent if index < branch.kept else branch).request.cfg_scale


def test_equal_strips_make_equal_zips(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = export(run, "zip", tmp_path / "a.zip").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert export(run, "zip", tmp_path / "b.zip").read_bytes() == first


def test_data_of_pure_noise_and_pure_signal_is_json() -> None:
    assert frames_zip._number(NoiseLevel(0.0, 1.0).ratio) is None
    assert frames_zip._number(NoiseLevel(0.0, 1.0).log_snr) is None
    assert frames_zip._number(NoiseLevel(1.0, 0.0).log_snr) is None
    assert frames_zip._number(-2.0) == -2


@pytest.mark.parametrize(
    ("sampler", "words"),
    [("Euler", "abcc"), ("Heun", "aabbccc"), ("PLMS", "abccc")],
)
def test_words_in_force_follow_the_samplers_steps(sampler: str, words: str) -> None:
    request = GenerationRequest(prompt="[a:[b:c:2]:1]", negative_prompt="[x:y:2]", sampler=sampler, steps=4)
    found = [words_in_force(request, index) for index in range(len(words))]
    assert "".join(prompt for prompt, _ in found) == words
    assert [negative for _, negative in found] == ["x" if letter in "ab" else "y" for letter in words]


def test_a_call_beyond_the_samplers_steps_has_the_words_of_the_last() -> None:
    request = GenerationRequest(prompt="[a|b]", sampler="PLMS", steps=4)  # its first step is taken twice
    assert [words_in_force(request, index)[0] for index in range(5)] == ["a", "b", "a", "b", "b"]


def test_words_in_force_after_another_sampler_took_over() -> None:
    before = GenerationRequest(prompt="[a:b:2]", sampler="Heun", steps=4)  # 7 records: aaaabbb
    after = dataclasses.replace(before, prompt="[c:d:3]", sampler="Euler", branch=Branch(request=before, at=3))
    assert midway_of(before) == START
    assert midway_of(after).kept == 2
    later = dataclasses.replace(after, prompt="[e:f:3]", branch=Branch(request=after, at=4))
    assert [words_in_force(after, index)[0] for index in range(5)] == ["a", "a", "a", "c", "d"]
    assert [words_in_force(later, index)[0] for index in range(5)] == ["a", "a", "a", "c", "f"]


def test_a_long_chain_of_samplers_is_counted_as_fast_as_a_short_one() -> None:
    request = GenerationRequest(sampler="Euler", steps=150)
    for at in range(1, Limits().branches):
        sampler = "Heun" if request.sampler == "Euler" else "Euler"
        request = dataclasses.replace(request, sampler=sampler, branch=Branch(request=request, at=at))
    assert midway_of(request).at == Limits().branches - 1  # would take for ever if each looked twice at those before it


def test_the_midway_of_a_request_is_that_of_its_run(studio: Studio, run: Run) -> None:
    changed = painted(studio.branch(run, 2, sampler="Heun", remaining=3))
    again = painted(studio.branch(changed, 4, cfg_scale=3.0))
    for one in (run, changed, again):
        told = midway_of(one.request)
        assert (told.kept, told.at) == (one.midway.kept, one.midway.at)


def test_the_picture_that_a_run_starts_from_stands_in_for_steps_of_the_next_sampler_too(
    studio: Studio, run: Run
) -> None:
    image = studio.inputs.add(Image.open(run.result.paths[0]))
    started = painted(studio.submit(dataclasses.replace(run.request, image=image, strength=0.6, steps=10)))
    changed = painted(studio.branch(started, 2, sampler="Heun", remaining=3))
    told = midway_of(changed.request)
    assert (told.kept, told.at, told.skipped) == (6, 2, 4)
    assert (changed.midway.kept, changed.midway.at, changed.midway.skipped) == (6, 2, 4)


def test_words_are_counted_from_the_first_step_after_a_picture(studio: Studio, run: Run) -> None:
    image = studio.inputs.add(Image.open(run.result.paths[0]))
    started = dataclasses.replace(run.request, prompt="[a:b:3]", image=image, strength=0.6, steps=10)
    changed = dataclasses.replace(started, sampler="DDIM", branch=Branch(request=started, at=1))
    assert [words_in_force(changed, index)[0] for index in range(6)] == ["a", "a", "a", "b", "b", "b"]


def at(sheet: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = sheet.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def test_a_sheet_shows_every_step_at_its_place(run: Run, tmp_path: Path) -> None:
    colours = [(200 - 30 * index, 20, 30 * index + 20) for index in range(STEPS)]
    strip = repainted(run, lambda index: Image.new("RGB", (64, 48), colours[index]))
    with Image.open(export(strip, "sheet", tmp_path / "sheet.png")) as sheet:
        placed = strip_sheet.layout(STEPS, (64, 48))
        assert placed.frame == (256, 192)
        left, top = strip_sheet.MARGIN, sheet.height - strip_sheet.MARGIN - placed.size[1]
        assert at(sheet, 2, 2) == GROUND
        for index, colour in enumerate(colours):
            x, y = placed.place(index)
            seen = at(sheet, left + x + 128, top + y + 96)
            assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 6
            caption = sheet.crop((left + x, top + y + 194, left + x + 256, top + y + 192 + strip_sheet.CAPTION))
            assert np.asarray(caption.convert("L")).max() > 200  # the number, in ink
        heading = np.asarray(sheet.crop((0, 0, sheet.width, top)).convert("L"))
        assert heading.max() > 220
        assert np.asarray(sheet.crop((0, top, left, sheet.height))).max() == max(GROUND)


def test_a_branchs_sheet_says_where_it_left(branch: Run) -> None:
    told = strip_sheet.branched(branch.request)
    assert told == "Branch after step 2 · Prompt: red car → [dog:cat:4], CFG scale: 2.5 → 4"
    warm = (0xF0, 0xA8, 0x4B)
    sheet = strip_sheet.sheet(branch, branch.steps)
    placed = strip_sheet.layout(STEPS, shown(branch)[0].size)
    left, top = strip_sheet.MARGIN, sheet.height - strip_sheet.MARGIN - placed.size[1]
    marked = []
    for index in range(STEPS):
        x, y = placed.place(index)
        number = np.asarray(
            sheet.crop((left + x, top + y + placed.frame[1], left + x + 40, top + y + placed.frame[1] + 30))
        )
        marked.append(bool((number == warm).all(axis=2).any()))
    assert marked == [index == 2 for index in range(STEPS)]


@given(
    count=st.integers(1, 200),
    size=st.tuples(st.integers(8, 1024), st.integers(8, 1024)),
    batch=st.integers(1, 16),
)
def test_frames_of_a_sheet_stand_apart_and_inside(count: int, size: tuple[int, int], batch: int) -> None:
    placed = strip_sheet.layout(count, size, batch)
    assert placed.columns * placed.rows >= count > placed.columns * (placed.rows - 1)
    places = [placed.place(index) for index in range(count)]
    assert len(set(places)) == count
    assert max(x for x, _ in places) + placed.column == placed.size[0]
    assert max(y for _, y in places) + placed.frame[1] + strip_sheet.CAPTION == placed.size[1]
    assert placed.column >= placed.frame[0]
    assert placed.frame[0] / placed.frame[1] == pytest.approx(
        size[0] / size[1], rel=0.25 if min(placed.frame) > 3 else 1
    )


@pytest.mark.parametrize(
    ("count", "size", "grid"), [(24, (128, 128), (6, 4)), (1, (512, 512), (1, 1)), (24, (288, 512), (8, 3))], ids=str
)
def test_a_sheet_is_wider_than_tall_and_its_last_row_is_full(
    count: int, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    placed = strip_sheet.layout(count, size)
    assert (placed.columns, placed.rows) == grid


@given(st.text(max_size=80), st.integers(1, 12), st.integers(1, 5))
def test_wrapped_lines_are_narrow_enough_and_lose_nothing(text: str, width: int, most: int) -> None:
    lines = lettering.wrapped(text, width, len, 1000)
    assert all(0 < len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    cut = lettering.wrapped(text, width, len, most)
    assert len(cut) == min(len(lines), most)
    if len(lines) > most:
        assert cut[:-1] == lines[: most - 1]
        assert cut[-1].endswith("…")
        assert len(cut[-1]) <= width


@given(st.text())
def test_legible_text_has_only_letters_of_the_font(text: str) -> None:
    known = lettering.legible(text)
    assert all(" " <= letter <= "~" or letter in lettering.EXTRA for letter in known)
    assert lettering.legible(known) == known


def test_every_letter_that_is_kept_is_in_the_font() -> None:
    font = lettering.font(20)
    missing = bytes(font.getmask("\U000f1234"))
    for letter in [*map(chr, range(33, 127)), *lettering.EXTRA]:
        assert bytes(font.getmask(letter)) != missing, letter
    assert lettering.legible("σ 3 × 4 → Übung, café – 日") == "sigma 3 x 4 -> Ubung, cafe - ?"


@pytest.mark.parametrize(
    ("sigma", "told"), [(72.36, "72.4"), (8.526, "8.53"), (0.0292, "0.029"), (0.0, "0"), (math.inf, "inf")]
)
def test_noise_levels_are_told_as_people_read_them(sigma: float, told: str) -> None:
    assert strip_sheet.noise(sigma) == told


def test_a_tree_shows_each_run_from_the_column_where_it_left(
    studio: Studio, run: Run, branch: Run, tmp_path: Path
) -> None:
    later = painted(studio.branch(run, 4, negative_prompt="rain"))
    again = painted(studio.branch(branch, 3, cfg_scale=6.0))
    fresh = painted(studio.branch(run, 0, prompt="a tree"))
    drawn = tree_sheet.rows([run, branch, later, again, fresh])
    assert [row.run for row in drawn] == [run, later, branch, again, fresh]
    assert [row.first for row in drawn] == [0, 4, 2, 3, 0]
    assert [row.parent for row in drawn] == [None, 0, 0, 2, 0]
    assert all(row.last == STEPS - 1 for row in drawn)
    (alone,) = tree_sheet.rows([again])
    assert (alone.first, len(alone.jpegs)) == (0, STEPS), "without its parent it is whole"
    with Image.open(export_tree([run, branch, later, again, fresh], tmp_path / "tree.png")) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert tuple(pixels[2, 2]) == GROUND
    lines = (pixels == (0xF0, 0xA8, 0x4B)).all(axis=2)
    x = tree_sheet._x(1, tree_sheet.LARGEST + tree_sheet.GAP) + tree_sheet.LARGEST // 2
    assert lines[:, x].sum() > tree_sheet.LARGEST, "a line runs down from the second frame"


@given(st.data())
def test_no_line_of_a_tree_crosses_a_frame(data: st.DataObject) -> None:
    parents: list[int | None] = [None]
    firsts = [0]
    for _ in range(data.draw(st.integers(0, 12))):
        parent = data.draw(st.integers(0, len(firsts) - 1))
        parents.append(parent)
        # A branch of a branch leaves it after a step of its own; else it is one of its parent's.
        firsts.append(data.draw(st.integers(0, 5)) + firsts[parent] + (parent > 0))
    order = tree_sheet.arranged(parents, firsts)
    assert sorted(order) == list(range(len(firsts)))
    for place, child in enumerate(order):
        parent_of = parents[child]
        if parent_of is not None:
            above = order.index(parent_of)
            assert above < place
            assert all(firsts[between] >= firsts[child] for between in order[above + 1 : place])


def test_a_name_goes_before_what_changed(run: Run, branch: Run) -> None:
    named, unnamed = Run(branch.request, "x", parent=run), Run(branch.request, "x", parent=run)
    named.name = "warm"
    told = [
        [line for part in tree_sheet._label(tree_sheet.Row(each, 2, [], 0)) for line in part.lines]
        for each in (named, unnamed)
    ]
    changes = "Prompt: red car -> [dog:cat:4], CFG scale: 2.5 -> 4"
    assert told == [["warm", changes], [changes]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_without_steps_says_so(tmp_path: Path, kind: Kind) -> None:
    with pytest.raises(StudioError, match="no step to export yet"):
        export(Run(GenerationRequest(), "somebody"), kind, tmp_path / "strip")
    with pytest.raises(StudioError, match="no step to export yet"):
        export_tree([Run(GenerationRequest(), "somebody")], tmp_path / "tree.png")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="exported as gif, webp, mp4, sheet, zip"):
        export(run, "avi", tmp_path / "strip")  # type: ignore[arg-type]
    for speed in (0, -1, 51, math.nan, math.inf):
        with pytest.raises(StudioError, match="must be from 1 to 50"):
            export(run, "gif", tmp_path / "strip", frames_per_second=speed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4", "sheet"])
@pytest.mark.parametrize("broken", [b"", b"no picture", b"half"], ids=["empty", "text", "half"])
def test_a_broken_picture_leaves_what_was_there(run: Run, tmp_path: Path, kind: Kind, broken: bytes) -> None:
    strip = repainted(run, lambda _: Image.new("RGB", (64, 64)))
    last = strip.steps[-1].pictures
    last["x0"] = last["x0"][: len(last["x0"]) // 2] if broken == b"half" else broken
    path = tmp_path / "strip"
    path.write_text("before")
    with pytest.raises(UnreadablePicture, match="picture is broken"):
        export(strip, kind, path)
    with pytest.raises(UnreadablePicture, match="picture is broken"):
        export_tree([strip], path)
    assert [file.name for file in tmp_path.iterdir()] == ["strip"]
    assert path.read_text() == "before"


def test_a_folder_that_is_not_there_is_an_os_error(run: Run, tmp_path: Path) -> None:
    for kind in KINDS:
        with pytest.raises(OSError, match=r"."):
            export(run, kind, tmp_path / "nowhere" / "strip")


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_no_half_a_file(
    run: Run, tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        export(run, kind, tmp_path / "strip")
    assert not list(tmp_path.iterdir())


def test_of_a_large_tree_the_newest_runs_are_drawn_and_the_sheet_says_so(run: Run, tmp_path: Path) -> None:
    def drawn(count: int) -> tuple[int, int, NDArray[np.uint8]]:
        runs = [repainted(run, lambda _: Image.new("RGB", (32, 32)), 1) for _ in range(count)]
        assert [row.run for row in tree_sheet.rows(runs)] == runs[-40:]
        with Image.open(export_tree(runs, tmp_path / "tree.png")) as sheet:
            return *sheet.size, np.asarray(sheet)[: tree_sheet.MARGIN - 8]

    (width, height, head), (wide, high, plain) = drawn(45), drawn(40)
    assert (width, height) == (wide, high)
    assert np.ptp(head, (0, 1)).max() > np.ptp(plain, (0, 1)).max() == 0


def test_a_tree_too_large_for_one_sheet_is_refused(run: Run, tmp_path: Path) -> None:
    runs = [repainted(run, lambda _: Image.new("RGB", (32, 32)), 1_000)] * 40
    with pytest.raises(StudioError, match="too large"):
        export_tree(runs, tmp_path / "tree.png")
    assert [*tmp_path.iterdir()] == []
