"""Files that are not what their names say: each gives a sentence, whatever kind of model it was to be."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from studio import GenerationRequest, Settings, Studio
from studio.errors import StudioError
from studio.events import Failed
from studio.models.family import Kind
from studio.models.scan import describe
from studio.request import ControlUnit
from tests import ldm
from tests.models.test_adapters import parts
from tests.models.test_gguf_painting import quantized
from tests.tiny_families import flux
from tests.tiny_models import stable_diffusion, unet, vae

ATTENTION = ("attn2.to_q", "attn2.to_k", "attn2.to_v")


def autoencoder() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {key: value.contiguous() for key, value in (ldm.vae(*each) for each in ldm.weights(vae()))}


KINDS: dict[Kind, Callable[[], dict[str, Tensor]]] = {
    Kind.CHECKPOINT: lambda: {
        "model.diffusion_model.output_blocks.11.0.skip_connection.weight": torch.zeros(8, 8),
        "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(8, 768),
    },
    Kind.LORA: lambda: parts(1, "kohya", unet(), "lora_unet_", ATTENTION),
    Kind.VAE: autoencoder,
    Kind.CONTROLNET: lambda: {
        "input_hint_block.0.weight": torch.zeros(16, 3, 3, 3),
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(8, 768),
    },
    Kind.TEXTUAL_INVERSION: lambda: {"emb_params": torch.zeros(2, 32)},
}


def cut(whole: bytes) -> bytes:
    return whole[:-9]


def wrong_header(whole: bytes) -> bytes:
    length = struct.unpack("<Q", whole[:8])[0]
    return whole[:8] + b"x" * length + whole[8 + length :]


def overlapping(whole: bytes) -> bytes:
    """Shapes that the bytes are not enough for."""
    length = struct.unpack("<Q", whole[:8])[0]
    said = json.loads(whole[8 : 8 + length])
    name = next(name for name in said if name != "__metadata__")
    said[name]["shape"] = [2**40, 2**40]
    header = json.dumps(said).encode()
    return struct.pack("<Q", len(header)) + header + whole[8 + length :]


def giant_header(whole: bytes) -> bytes:
    return struct.pack("<Q", 2**62) + whole[8:]


def web_page(_: bytes) -> bytes:
    return b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (cut, "download it again"),
    "wrong-header": (wrong_header, "download it again"),
    "shapes": (overlapping, "download it again"),
    "giant-header": (giant_header, "header would be larger than any model's"),
    "web-page": (web_page, "This is a web page, not a model"),
    "empty": (lambda _: b"", "empty or cut off"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_broken_says_so_whatever_it_was(tmp_path: Path, kind: Kind, spoilt: str) -> None:
    path, (spoil, sentence) = tmp_path / "a.safetensors", SPOILT[spoilt]
    save_file(KINDS[kind](), path)
    found = describe(path)
    assert (found.nature.kind, found.problem) == (kind, "")
    path.write_bytes(spoil(path.read_bytes()))
    assert sentence in describe(path).problem


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Over files whose headers are right, and whose tensors are no model's."""
    folder = tmp_path_factory.mktemp("shapes")
    stable_diffusion(folder / "tiny")
    flux(folder / "lender")
    quantized(folder / "lender", folder / "narrow.gguf")
    bent = autoencoder()
    bent["decoder.conv_in.weight"] = torch.zeros(7, 4, 3, 3)
    save_file(bent, folder / "bent-vae.safetensors")
    for name, kind in (("bent", Kind.CHECKPOINT), ("bent-control", Kind.CONTROLNET)):
        save_file(KINDS[kind](), folder / f"{name}.safetensors")
    lora = KINDS[Kind.LORA]()
    save_file(
        {key: value if "up" not in key else torch.zeros(3, 3) for key, value in lora.items()},
        folder / "bent-lora.safetensors",
    )
    save_file({"emb_params": torch.zeros(2, 2, 2, 32)}, folder / "bent-word.safetensors")
    save_file({"emb_params": torch.zeros(0, 32)}, folder / "empty-word.safetensors")
    outputs = tmp_path_factory.mktemp("outputs")
    with Studio(Settings(models=(folder,), outputs=outputs, device="cpu", precision="fp32")) as running:
        running.library.rescan()
        yield running


def said(studio: Studio, **values: Any) -> str:
    """The sentence that a request ends with; "Finished" for a picture."""
    known: dict[str, Any] = {"model": "tiny", "steps": 1, "width": 64, "height": 64}
    try:
        last = list(studio.submit(GenerationRequest(**(known | values))))[-1]
    except StudioError as error:
        return str(error)
    return last.sentence if isinstance(last, Failed) else type(last).__name__


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": "bent"}, "The model 'bent' could not be read"),
        ({"vae": "bent-vae"}, "The VAE 'bent-vae' is not laid out as this model's own"),
        ({"prompt": "a <lora:bent-lora>"}, "The LoRA 'bent-lora' does not fit this model"),
        ({"prompt": "a bent-word"}, "'bent-word' holds no vectors of words"),
        ({"prompt": "an empty-word"}, "'empty-word' holds no vectors of words"),
        ({"vae": "../../etc/passwd"}, "There is no VAE of the name"),
        ({"model": "../tiny"}, "There is no model of that name"),
        ({"prompt": "<lora:../../bent-lora>"}, "There is no LoRA of the name"),
    ],
)
def test_shapes_of_no_model_and_names_that_lead_elsewhere_are_told_and_the_next_run_works(
    studio: Studio, asked: dict[str, Any], sentence: str
) -> None:
    assert sentence in said(studio, **asked)
    assert said(studio) == "Finished"


@pytest.mark.parametrize(("name", "sentence"), [("bent-control", "could not be read"), ("../x", "no ControlNet")])
def test_the_same_of_a_controlnet(studio: Studio, name: str, sentence: str) -> None:
    unit = ControlUnit(model=name, image=studio.inputs.add(Image.new("RGB", (64, 64))))
    assert sentence in said(studio, control=(unit,))
    assert said(studio) == "Finished"
