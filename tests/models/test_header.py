"""Files that lie where models lie: read by their headers, refused with a sentence."""

import contextlib
import json
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from safetensors.numpy import save_file

from studio.errors import UnreadableModel
from studio.models.family import Kind, nature_of
from studio.models.header import Header, TensorInfo, read_header, variant_of


def framed(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def test_names_shapes_and_metadata_are_read(tmp_path: Path) -> None:
    save_file({"a.weight": numpy.zeros((2, 3), numpy.float16)}, tmp_path / "m.safetensors", {"ss_output_name": "fox"})
    header = read_header(tmp_path / "m.safetensors")
    assert header.tensors == {"a.weight": TensorInfo("F16", (2, 3))}
    assert header.metadata == {"ss_output_name": "fox"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"PK\x03\x04 archive/data.pkl", "pickle"),
        (b"\x80\x02}q\x00.", "pickle"),
        ((2**62).to_bytes(8, "little") + b"{}", "larger than any"),
        (framed({"a": entry([4], 0, 16)})[:-5], "cut off"),
        (framed({"a": entry([4], 0, 16)}, bytes(8)), "broken"),
        (framed({"a": entry([5], 0, 16)}, bytes(16)), "broken"),
        (framed({"a": entry([4], 0, 16), "b": entry([4], 8, 24)}, bytes(24)), "broken"),
        (framed(["no", "object"]), "broken"),
    ],
)
def test_a_hostile_file_is_refused_with_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(UnreadableModel, match=said):
        read_header(path)


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_begins_as_a_pickle_does_is_read(tmp_path: Path, length: int) -> None:
    text = json.dumps({"a": entry([4], 0, 16)}).encode().ljust(length)
    path = tmp_path / "m.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + text + bytes(16))
    assert path.read_bytes()[0] == 0x80
    assert read_header(path).tensors == {"a": TensorInfo("F32", (4,))}


@pytest.mark.parametrize(
    ("files", "variant"),
    [
        (["unet/model.safetensors", "unet/model.fp16.safetensors", "vae/model.safetensors"], None),
        (["unet/model.fp16.safetensors", "vae/model.safetensors"], "fp16"),
        (["unet/model.fp16-00001-of-00002.safetensors", "unet/model.fp16-00002-of-00002.safetensors"], "fp16"),
        (["unet/model-00001-of-00002.safetensors"], None),
        (["model.non_ema.safetensors"], "non_ema"),
        (["unet/model.safetensors", "safety_checker/model.fp16.safetensors"], None),
        (["unet/config.json"], None),
    ],
)
def test_weights_that_come_in_a_variant_alone_are_told(tmp_path: Path, files: list[str], variant: str | None) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert variant_of(tmp_path) == variant


@settings(deadline=None)
@given(
    some.one_of(
        some.binary(max_size=200),
        some.recursive(
            some.none() | some.integers() | some.text(max_size=5),
            lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
        ).map(framed),
    )
)
def test_any_bytes_are_a_header_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(content)
    with contextlib.suppress(UnreadableModel):
        assert nature_of(read_header(path)).kind == Kind.UNKNOWN


def header_of(shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Header:
    return Header({name: TensorInfo("F16", shape) for name, shape in shapes.items()}, metadata or {})


V1 = "model.diffusion_model.output_blocks.11.0.skip_connection.weight"
V2 = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
XL = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
FIRST = "model.diffusion_model.input_blocks.0.0.weight"
KOHYA = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
ATTENTION = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2"
PEFT = f"{ATTENTION}.to_k.lora_A.weight"


@pytest.mark.parametrize(
    ("header", "kind", "family"),
    [
        (header_of({V1: (320, 640, 1, 1)}), Kind.CHECKPOINT, "SD 1.x"),
        (header_of({V2: (320, 1024)}), Kind.CHECKPOINT, "SD 2.x"),
        (header_of({XL: (1280,)}), Kind.CHECKPOINT, "SDXL"),
        (header_of({"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}), Kind.CHECKPOINT, "FLUX.1"),
        (header_of({KOHYA: (16, 768)}), Kind.LORA, "SD 1.x"),
        (header_of({PEFT: (16, 2048)}), Kind.LORA, "SDXL"),
        (header_of({f"{ATTENTION}.processor.to_k_lora.down.weight": (4, 768)}), Kind.LORA, "SD 1.x"),
        (header_of({f"{ATTENTION}.to_k.lora_linear_layer.down.weight": (4, 1024)}), Kind.LORA, "SD 2.x"),
        (header_of({"emb_params": (4, 1024)}), Kind.TEXTUAL_INVERSION, "SD 2.x"),
        (header_of({"clip_l": (4, 768), "clip_g": (4, 1280)}), Kind.TEXTUAL_INVERSION, "SDXL"),
        (header_of({"<my-toy>": (1, 768)}), Kind.TEXTUAL_INVERSION, "SD 1.x"),
        (header_of({"<my-toy>": (1024,)}), Kind.TEXTUAL_INVERSION, "SD 2.x"),
        (header_of({"weight": (30522, 768)}), Kind.UNKNOWN, ""),
        (header_of({"weight": (3, 768, 1, 1)}), Kind.UNKNOWN, ""),
        (header_of({"decoder.conv_in.weight": (1,), "decoder.conv_out.weight": (1,)}), Kind.VAE, ""),
        (header_of({"something.else": (1,)}), Kind.UNKNOWN, ""),
        (header_of({FIRST: ()}), Kind.UNKNOWN, ""),
    ],
)
def test_kind_and_family_are_told_from_names_and_shapes(header: Header, kind: Kind, family: str) -> None:
    nature = nature_of(header)
    assert (nature.kind, nature.family) == (kind, family)


def test_inpainting_and_prediction_are_told() -> None:
    nature = nature_of(header_of({FIRST: (320, 9, 3, 3), V2: (320, 1024)}, {"modelspec.prediction_type": "v"}))
    assert (nature.family, nature.inpainting, nature.prediction) == ("SD 2.x", True, "v")
