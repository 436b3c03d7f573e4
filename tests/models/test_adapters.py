"""LoRAs: they change what asks for them, nothing else, and leave no trace."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import save_file
from torch import Tensor

from studio import GenerationRequest, Run, Settings, Studio
from studio.diffusion.seams import ModelCall
from studio.errors import GenerationFailed, RequestRefused
from studio.events import Finished, Started
from studio.models import adapters
from studio.models.loader import LoadedModel
from studio.models.making import making
from tests.tiny_models import stable_diffusion, stable_diffusion_xl, text_encoder, unet

RANK = 2


def parts(seed: int, layouts: str, module: Any, prefix: str, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """Random LoRA weights for a module's layers, named as kohya's trainer does, or diffusers, or diffusers once did."""
    source = torch.Generator().manual_seed(seed)
    made: dict[str, Tensor] = {}
    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.Linear) and name.endswith(wanted):
            down = torch.randn(RANK, layer.in_features, generator=source)
            up = torch.randn(layer.out_features, RANK, generator=source)
            if layouts == "kohya":
                key = prefix + name.replace(".", "_")
                made |= {
                    f"{key}.lora_down.weight": down,
                    f"{key}.lora_up.weight": up,
                    f"{key}.alpha": torch.tensor(RANK),
                }
            elif layouts == "processor":
                attention, _, projection = f"{prefix}{name}".rpartition(".")
                key = f"{attention}.processor.{projection}_lora"
                made |= {f"{key}.down.weight": down, f"{key}.up.weight": up}
            else:
                made |= {f"{prefix}{name}.lora_A.weight": down, f"{prefix}{name}.lora_B.weight": up}
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("loras")
    stable_diffusion(made / "tiny")
    stable_diffusion_xl(made / "xl")
    attention = ("attn2.to_q", "attn2.to_k", "attn2.to_v")
    save_file(parts(1, "kohya", unet(), "lora_unet_", attention), made / "ink.safetensors")
    save_file(parts(2, "peft", unet(), "unet.", attention), made / "oil.safetensors")
    save_file(parts(6, "processor", unet(), "unet.", attention), made / "old.safetensors")
    words = parts(3, "kohya", text_encoder(), "lora_te_text_model_", ("q_proj", "out_proj"))
    save_file(parts(3, "kohya", unet(), "lora_unet_", attention) | words, made / "voice.safetensors")
    strange = parts(4, "kohya", unet(), "lora_unet_", attention)
    nowhere = {key: value for key, value in strange.items() if "down_blocks_1" in key}
    strange |= {key.replace("down_blocks_1", "down_blocks_7"): value.clone() for key, value in nowhere.items()}
    save_file(strange, made / "strange.safetensors")
    wide = parts(5, "kohya", unet(cross_attention_dim=64), "lora_unet_", attention)
    save_file(wide, made / "wide.safetensors")
    return made


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio


def asked(prompt: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"steps": 4, "seed": 5, "width": 64, "height": 64, "reproducible": True, "model": "tiny"}
    return GenerationRequest(prompt=prompt, **(known | values))


def painted(studio: Studio, prompt: str, **values: Any) -> Run:
    run = studio.submit(asked(prompt, **values))
    assert run.result.paths
    return run


def latents(run: Run) -> Tensor:
    return run.steps[-1].latents


@pytest.mark.parametrize("name", ["ink", "oil", "old", "voice"])
def test_it_changes_the_picture_and_switched_off_leaves_no_trace(studio: Studio, name: str) -> None:
    before = painted(studio, "a cat")
    changed = painted(studio, f"a cat <lora:{name}:0.7>")
    assert not torch.allclose(latents(before), latents(changed), atol=1e-3)
    assert torch.equal(latents(painted(studio, "a cat")), latents(before))
    assert torch.equal(latents(painted(studio, f"a cat <lora:{name}:0.7>")), latents(changed))
    assert not torch.allclose(latents(painted(studio, f"a cat <lora:{name}:0.2>")), latents(changed), atol=1e-3)


def test_a_weight_of_nothing_is_as_if_it_were_not_there(studio: Studio) -> None:
    assert torch.allclose(latents(painted(studio, "a cat <lora:ink:0>")), latents(painted(studio, "a cat")), atol=1e-5)


def test_text_encoder_and_denoiser_have_weights_of_their_own(studio: Studio) -> None:
    plain, both = latents(painted(studio, "a cat")), latents(painted(studio, "a cat <lora:voice>"))
    text = latents(painted(studio, "a cat <lora:voice:te=1:unet=0>"))
    denoiser = latents(painted(studio, "a cat <lora:voice:te=0:unet=1>"))
    made = [plain, both, text, denoiser]
    assert all(not torch.allclose(one, other, atol=1e-3) for one in made for other in made if one is not other)


def test_two_at_once_are_neither_of_them_alone(studio: Studio) -> None:
    one, other = (painted(studio, f"a cat <lora:{name}>") for name in ("ink", "oil"))
    both = painted(studio, "a cat <lora:ink><lora:oil>")
    swapped = painted(studio, "a cat <lora:oil><lora:ink>")
    assert not torch.allclose(latents(both), latents(one), atol=1e-3)
    assert not torch.allclose(latents(both), latents(other), atol=1e-3)
    assert torch.allclose(latents(both), latents(swapped), atol=1e-4)


def test_one_that_is_asked_for_twice_acts_with_both_weights_together(studio: Studio) -> None:
    twice = painted(studio, "a cat <lora:voice:0.25><lora:voice:0.5>")
    assert torch.equal(latents(twice), latents(painted(studio, "a cat <lora:voice:0.75>")))


def test_one_whose_weight_changes_midway_is_read_with_the_weight_it_begins_with(studio: Studio) -> None:
    changing = painted(studio, "a cat <lora:voice:0.5:end=0.5><lora:voice:0.9:start=0.5>")
    whole = painted(studio, "a cat <lora:voice:0.5>")
    assert torch.equal(changing.steps[1].latents, whole.steps[1].latents)
    assert not torch.allclose(latents(changing), latents(whole), atol=1e-3)


def test_it_acts_from_its_start_to_its_end(studio: Studio) -> None:
    plain, late = painted(studio, "a cat"), painted(studio, "a cat <lora:ink:start=0.5>")
    for step in (0, 1):
        assert torch.equal(plain.steps[step].denoised, late.steps[step].denoised)
    assert not torch.allclose(plain.steps[2].denoised, late.steps[2].denoised, atol=1e-3)


@pytest.mark.parametrize("sampler", ["PLMS", "Heun", "Euler"])
def test_it_acts_in_every_call_of_a_sampler(studio: Studio, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force = []
    compute = LoadedModel.compute

    def watched(model: LoadedModel, call: ModelCall, arguments: dict[str, Any]) -> Any:
        in_force.append(model.adapters._active)
        return compute(model, call, arguments)

    monkeypatch.setattr(LoadedModel, "compute", watched)
    run = painted(studio, "a cat <lora:ink:0.8>", sampler=sampler)
    assert len(in_force) == len(run.steps)
    assert all(weight == 0.8 for ((_, weight),) in in_force)


def test_runs_side_by_side_never_get_each_others(studio: Studio) -> None:
    prompts = ["a cat", "a cat <lora:ink>", "a cat <lora:oil>", "a cat <lora:ink> <lora:oil:0.4>"]
    alone = [latents(painted(studio, prompt)) for prompt in prompts]
    together = [studio.submit(asked(prompt, reproducible=False), owner=str(at)) for at, prompt in enumerate(prompts)]
    for run, expected in zip(together, alone, strict=True):
        assert run.result.paths
        assert torch.allclose(latents(run), expected, atol=1e-4)


def test_one_that_is_not_read_yet_holds_nobody_up_while_a_model_is_made(studio: Studio, folder: Path) -> None:
    attention = ("attn2.to_q", "attn2.to_k", "attn2.to_v")
    save_file(parts(7, "kohya", unet(), "lora_unet_", attention), folder / "new.safetensors")
    studio.library.rescan()
    inside, go_on = threading.Event(), threading.Event()

    def make() -> None:
        with making():
            inside.set()
            assert go_on.wait(60)

    other = threading.Thread(target=make)
    other.start()
    assert inside.wait(60)
    waits = studio.submit(asked("a cat <lora:new>"), owner="somebody")
    try:
        assert painted(studio, "a cat")
        assert painted(studio, "a cat <lora:ink>")
        assert not any(isinstance(event, Started) for event in waits.events_after(0))
    finally:
        go_on.set()
        other.join(60)
    assert waits.result.paths
    assert not torch.allclose(latents(waits), latents(painted(studio, "a cat")), atol=1e-3)


def test_branches_go_on_with_it(studio: Studio) -> None:
    run = painted(studio, "a cat <lora:ink:start=0.25:end=0.75>")
    for at in (1, 3):
        branch = studio.branch(run, at)
        assert branch.result.paths
        assert torch.equal(latents(branch), latents(run))


def test_parts_that_found_no_place_are_told(studio: Studio) -> None:
    run = painted(studio, "a cat <lora:strange>")
    end = list(run)[-1]
    assert isinstance(end, Finished)
    assert len(end.notes) == 1
    assert "parts of the LoRA 'strange' found no place in this model: " in end.notes[0]
    assert "down_blocks_7" in end.notes[0]
    assert painted(studio, "a cat <lora:ink><lora:old>").notes == ()


def test_one_of_another_family_is_told_and_the_next_job_works(studio: Studio) -> None:
    before = painted(studio, "a cat")
    with pytest.raises(GenerationFailed, match="The LoRA 'wide' does not fit this model"):
        _ = studio.submit(asked("a cat <lora:wide>")).result
    assert torch.equal(latents(painted(studio, "a cat")), latents(before))
    changed = painted(studio, "a cat <lora:ink>")
    assert not torch.allclose(latents(changed), latents(before), atol=1e-3)


def test_a_name_nobody_knows_is_refused(studio: Studio) -> None:
    with pytest.raises(RequestRefused, match="There is no LoRA of the name 'inks'"):
        studio.submit(asked("a cat <lora:inks>"))


def test_a_file_that_vanishes_ends_nothing_but_what_asks_for_it_anew(studio: Studio, folder: Path) -> None:
    gone = folder / "gone.safetensors"
    gone.write_bytes((folder / "ink.safetensors").read_bytes())
    studio.library.rescan()
    run = studio.submit(asked("a cat <lora:gone>", steps=40))
    assert next(event for event in run if isinstance(event, Started))
    gone.unlink()
    assert run.result.paths
    with pytest.raises(RequestRefused, match=r"LoRA (of the name )?'gone'"):
        studio.submit(asked("a cat <lora:gone>"))
    assert painted(studio, "a cat")


def test_a_model_holds_no_more_of_them_than_it_shall(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ink", "oil", "voice")
    before = [latents(painted(studio, f"a cat <lora:{name}>")) for name in names]
    monkeypatch.setattr(adapters, "MOST_READ", 1)
    plain = latents(painted(studio, "a cat"))
    for name, expected in zip(names, before, strict=True):
        assert torch.equal(latents(painted(studio, f"a cat <lora:{name}>")), expected)
    assert studio.engine is not None
    model = studio.engine.model("tiny")
    layers = [layer for layer in model.denoiser.modules() if isinstance(layer, BaseTunerLayer)]
    assert {len(layer.r) for layer in layers} == {1}
    assert torch.equal(latents(painted(studio, "a cat")), plain)
    assert len(list(painted(studio, "a cat <lora:ink><lora:oil>").steps)) == 4, "those in use stay"


@pytest.mark.parametrize("plan", ["fp8", "int8", "nf4"])
def test_it_acts_on_quantized_weights_and_leaves_them_as_they_were(
    studio: Studio, folder: Path, tmp_path: Path, plan: str
) -> None:
    package = {"int8": "torchao", "nf4": "bitsandbytes"}.get(plan)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    whole = latents(painted(studio, "a cat <lora:ink>"))
    settings = Settings(models=(folder,), outputs=tmp_path, device="cpu", precision="fp32", memory_plan=plan)
    with Studio(settings) as small:
        small.library.rescan()
        plain, changed = latents(painted(small, "a cat")), latents(painted(small, "a cat <lora:ink>"))
        assert torch.equal(latents(painted(small, "a cat")), plain)
    assert (changed - whole).abs().mean() < 0.5 * (changed - plain).abs().mean()
