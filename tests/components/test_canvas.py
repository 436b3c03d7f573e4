"""What a page says it has drawn is believed only as far as it can be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from components.canvas import Layers
from studio.errors import RequestRefused, StudioError, UnreadablePicture

EMPTY = {"width": 512, "height": 384, "picture": "", "mask": "", "sketch": ""}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An upload folder with a picture in it, beside a file and a folder that are none of a page's business."""
    uploads = tmp_path / "uploads"
    (uploads / "abc").mkdir(parents=True)
    (uploads / "abc" / "mask.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "uploads-too").mkdir()
    (tmp_path / "uploads-too" / "mask.png").write_bytes(b"secret")
    (uploads / "link.png").symlink_to(tmp_path / "secret.png")
    (uploads / "folder").symlink_to(tmp_path / "uploads-too")
    (uploads / "circle").symlink_to(uploads / "circle")
    return uploads


def test_uploaded_files_and_empty_layers(root: Path) -> None:
    mask = root / "abc" / "mask.png"
    found = Layers.of(EMPTY | {"mask": str(mask)}, root)
    assert found == Layers(width=512, height=384, picture=None, mask=mask, sketch=None, extended=False)


@pytest.mark.parametrize("side", [15, 8193, -512, 512.0, "512", True, None, float("nan"), 10**400])
def test_a_size_no_canvas_may_have_is_refused(root: Path, side: Any) -> None:
    for name in ("width", "height"):
        with pytest.raises(RequestRefused, match="px"):
            Layers.of(EMPTY | {name: side}, root)


OUTSIDE = ("../secret.png", "link.png", "folder/mask.png", "../uploads-too/mask.png", "abc/../../secret.png")


@pytest.mark.parametrize("path", [*OUTSIDE, "abc", "circle", "circle/mask.png", "gone.png"])
def test_what_is_no_file_in_the_folder_is_refused(root: Path, path: str) -> None:
    with pytest.raises(UnreadablePicture):
        Layers.of(EMPTY | {"picture": f"{root}/{path}"}, root)


NAMES = ("abc", "mask.png", "secret.png", "link.png", "folder", "circle", "uploads", "uploads-too")
PARTS = st.sampled_from([*NAMES, *"./~\0", "", "..", "..\\", "%2e%2e", "\ud800", "x" * 300])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(parts=st.lists(PARTS, max_size=8), text=st.text(max_size=20), inside=st.booleans())
@example(parts=["abc", "mask.png"], text="", inside=True)
def test_no_path_leads_out_of_the_folder(root: Path, parts: list[str], text: str, inside: bool) -> None:
    path = "/".join([*([str(root)] if inside else []), *parts]) + text
    try:
        found = Layers.of(EMPTY | {"sketch": path}, root).sketch
    except UnreadablePicture:
        return
    assert found is None if path == "" else found == root / "abc" / "mask.png"


KEYS = st.sampled_from([*EMPTY]) | st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_any_json_is_layers_or_refused(root: Path, value: Any) -> None:
    try:
        found = Layers.of(value, root)
    except StudioError:
        return
    assert 16 <= found.width <= 8192
    assert 16 <= found.height <= 8192
