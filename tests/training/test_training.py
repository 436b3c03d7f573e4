"""Training: each stage learns, and goes on where it was stopped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from studio.diffusion import samplers
from studio.diffusion.preview import to_pixels
from studio.training import autoencoder, control, denoiser, few_steps, recogniser, tokenizer, warm_start
from studio.training.__main__ import main
from studio.training.exam.painting import FEW_STEPS
from studio.training.export import editions, export, vocabulary
from studio.training.loop import Loop, Plan, fingerprint, learning_rate_factor
from studio.training.material import Material, thing_mask
from studio.training.pictures import at_hand, sheet, to_tensor
from studio.training.stored import CHUNK, _cores, stored
from studio.training.world import CPU, FIRST, FULL, Edition, SceneDataset, places
from studio.training.world.captions import words


def line(module: nn.Linear) -> tuple[Tensor, int]:
    numbers = torch.linspace(-1, 1, 8)[:, None]
    return (module(numbers) - 3 * numbers).square().mean(), 8


def squares(power: int, index: int) -> NDArray[np.int64]:
    return np.array([index**power])


def squares_until(end: int, index: int) -> NDArray[np.int64]:
    if index >= end:
        raise ValueError("too many")
    return squares(2, index)


TINY = Edition("tiny", 32, (32, 32), FIRST.listed)


def tiny_painter(folder: Path) -> StableDiffusionPipeline:
    """An untrained model of the recipe, with levels as narrow as they may be."""
    torch.manual_seed(0)
    words_of_it = tokenizer.build(TINY, folder)
    return denoiser.assemble(autoencoder.build(), words_of_it, denoiser.build(words_of_it, TINY))


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    loop = Loop(module, Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1))
    loop.run(lambda: line(module), lambda: None)
    again = nn.Linear(1, 1)
    resumed = Loop(again, Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1))
    assert resumed.step == loop.step
    assert resumed.progress >= 1
    assert torch.equal(again.weight, module.weight)
    assert line(again)[0] < 0.1
    assert (tmp_path / "line-loss.csv").read_text().startswith("step,samples,seconds,loss")


def test_what_was_trained_beside_other_weights_begins_anew(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1, base=fingerprint(nn.Linear(1, 1)))
    module = nn.Linear(1, 1)
    Loop(module, plan).run(lambda: line(module), lambda: None)
    assert Loop(nn.Linear(1, 1), plan).progress >= 1
    assert Loop(nn.Linear(1, 1), replace(plan, base=fingerprint(nn.Linear(1, 1)))).progress == 0


def test_what_was_trained_of_other_layers_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1)
    module = nn.Linear(1, 1)
    Loop(module, plan).run(lambda: line(module), lambda: None)
    assert Loop(nn.Linear(2, 1), plan).progress == 0
    assert "what it is made of has changed" in capsys.readouterr().out
    assert Loop(nn.Sequential(nn.Linear(1, 1)), plan).progress == 0


def test_of_what_does_not_say_what_it_was_trained_beside_nothing_is_thrown_away(tmp_path: Path) -> None:
    plan, module = Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1), nn.Linear(1, 1)
    Loop(module, plan).run(lambda: line(module), lambda: None)
    assert Loop(nn.Linear(1, 1), replace(plan, base=fingerprint(nn.Linear(1, 1)))).progress >= 1


def test_a_stop_by_hand_loses_nothing(tmp_path: Path) -> None:
    module, plan = nn.Linear(1, 1), Plan(tmp_path, "line", minutes=5.0, learning_rate=0.1)
    loop = Loop(module, plan)

    def stopped() -> tuple[Tensor, int]:
        if loop.step == 7:
            raise KeyboardInterrupt
        return line(module)

    with pytest.raises(KeyboardInterrupt):
        loop.run(stopped, lambda: None)
    assert Loop(nn.Linear(1, 1), plan).step == 7


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate_factor(progress / 100) for progress in range(101)]
    assert rates[0] < rates[2] > rates[50] > rates[100] > 0


def test_what_is_stored_is_computed_once(tmp_path: Path) -> None:
    path = tmp_path / "squares.npy"
    assert stored(path, 5, (1,), np.int64, partial(squares, 2))[:, 0].tolist() == [0, 1, 4, 9, 16]
    assert stored(path, 5, (1,), np.int64, partial(squares, 3))[:, 0].tolist() == [0, 1, 4, 9, 16]
    assert list(tmp_path.iterdir()) == [path]


def test_drawing_that_was_stopped_goes_on_after_the_last_whole_chunk(tmp_path: Path) -> None:
    path, count = tmp_path / "squares.npy", 3 * CHUNK + 7
    with pytest.raises(ValueError, match="too many"):
        stored(path, count, (1,), np.int64, partial(squares_until, 2 * CHUNK + 3))
    again = stored(path, count, (1,), np.int64, partial(squares, 3))[:, 0]
    assert again[: 2 * CHUNK].tolist() == [index**2 for index in range(2 * CHUNK)], "what was drawn was drawn anew"
    assert again[2 * CHUNK :].tolist() == [index**3 for index in range(2 * CHUNK, count)]
    assert list(tmp_path.iterdir()) == [path]


def test_half_of_what_a_denoiser_sees_is_in_the_usual_style(tmp_path: Path) -> None:
    styled = replace(TINY, listed_styles=("flat", "oil", "neon", "pencil", "woodcut"), alone=False)
    material = Material(SceneDataset(0, styled), 40, tmp_path)
    lessons = denoiser.Lessons(autoencoder.build(), tokenizer.build(styled, tmp_path), material, 40)
    usual = [scene.style == "flat" for scene in material.told()]
    assert sum(usual) != 20, "they are drawn unevenly"
    picks = lessons.batch(4000)[0].tolist()
    assert 0.45 < sum(usual[pick] for pick in picks) / len(picks) < 0.55
    assert set(picks) == set(range(40))


def test_the_curve_tells_of_no_step_twice(tmp_path: Path) -> None:
    plan, module = Plan(tmp_path, "line", minutes=1 / 60, learning_rate=0.1), nn.Linear(1, 1)
    loop = Loop(module, plan)
    loop.run(lambda: line(module), lambda: None)
    curve = tmp_path / "line-loss.csv"
    with curve.open("a") as file:
        file.write(f"{loop.step + 50},{8 * loop.step + 400},2.0,0.1\n")  # lost with a stop
    assert Loop(nn.Linear(1, 1), plan).step == loop.step
    steps = [int(row.split(",")[0]) for row in curve.read_text().splitlines()[1:]]
    assert steps == sorted({step for step in steps if step <= loop.step})


def test_captions_are_kept_for_the_words_of_their_tokenizer(tmp_path: Path) -> None:
    material = Material(SceneDataset(0, TINY), 3, tmp_path)
    narrow, wide = tokenizer.build(TINY, tmp_path / "narrow"), tokenizer.build(CPU, tmp_path / "wide")
    told = {len(words_of_it): material.tokens(words_of_it) for words_of_it in (narrow, wide)}
    for words_of_it in (narrow, wide):
        read = words_of_it.batch_decode(told[len(words_of_it)][0], skip_special_tokens=True)
        assert set(" ".join(read).replace(",", " ").split()) <= set(words(TINY))


def test_pixels_survive_the_way_to_tensors_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    assert np.array_equal(to_pixels(to_tensor(pixels, torch.device("cpu"))), pixels)
    assert np.array_equal(at_hand(pixels, torch.device("cpu")).numpy(), pixels)
    assert sheet(pixels, 2).shape == (16, 16, 3)


def test_the_autoencoder_learns_a_picture() -> None:
    torch.manual_seed(0)
    model, pictures = autoencoder.build(), torch.rand(2, 3, 32, 32) * 2 - 1
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        value = autoencoder.loss(model, pictures)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    assert losses[-1] < 0.8 * losses[0]


def test_crops_are_parts_of_their_pictures() -> None:
    pixels = torch.arange(96, dtype=torch.uint8).expand(1, 96, 96)[..., None].expand(-1, -1, -1, 3)
    crops = autoencoder._crops(pixels, 6, torch.device("cpu"))
    assert crops.shape == (6, 3, 64, 64)
    steps = crops.diff(dim=-1).mul(127.5).round().unique().tolist()
    assert steps in ([1.0], [-1.0])


@pytest.mark.parametrize("edition", [CPU, FULL], ids=lambda edition: edition.name)
def test_every_word_of_the_world_is_one_token(edition: Edition, tmp_path: Path) -> None:
    made = tokenizer.build(edition, tmp_path)
    pieces = dict(zip(words(edition), made(words(edition), add_special_tokens=False).input_ids, strict=True))
    assert {word for word, ids in pieces.items() if len(ids) != 1} == set()
    assert len(made("Istanbul", add_special_tokens=False).input_ids) > 1


def test_what_goes_on_training_keeps_the_numbers_of_its_words(tmp_path: Path) -> None:
    assert tokenizer.build(CPU, tmp_path).get_vocab() == tokenizer.build(CPU, tmp_path).get_vocab()


def test_a_batch_is_trained_at_every_noise_and_mostly_where_outlines_are_decided() -> None:
    schedule = denoiser.training_schedule()
    alphas = schedule.alphas_cumprod
    drawn = denoiser.draw_timesteps(schedule, 1_001, torch.device("cpu"))
    sigmas = (1 / alphas[drawn] - 1).sqrt()
    assert drawn.min() < 3
    assert drawn.max() > 996
    assert 0.5 * denoiser.USUAL_NOISE < sigmas.median().log() < 4 * denoiser.USUAL_NOISE
    assert (sigmas > 7).float().mean() == pytest.approx(0.11, abs=0.03)


def test_latents_are_encoded_once_for_each_encoder(tmp_path: Path) -> None:
    material, device = Material(SceneDataset(0, TINY), 3, tmp_path), torch.device("cpu")
    material.pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    vae = autoencoder.build().eval()
    first = denoiser.latents_of(material, vae, device)
    assert torch.equal(first, denoiser.encode(vae, material.pictures, device))
    next(vae.decoder.parameters()).data += 1
    material.pictures = np.zeros_like(material.pictures)
    assert torch.equal(denoiser.latents_of(material, vae, device), first), "what is stored was not used"
    next(vae.encoder.parameters()).data += 1
    assert not torch.equal(denoiser.latents_of(material, vae, device), first)


def test_thing_weights_leave_the_mean_of_the_loss_where_it_is() -> None:
    scenes = [SceneDataset(0, CPU).scene(index) for index in range(6)]
    masks = torch.from_numpy(np.stack([thing_mask(scene, 16) for scene in scenes]))
    weights = denoiser.thing_weights(masks)
    assert torch.allclose(weights.mean((1, 2, 3)), torch.ones(6))
    assert all(
        weight[mask == 1].min() > weight[mask == 0].max() for weight, mask in zip(weights[:, 0], masks, strict=True)
    )


def test_a_wider_world_begins_with_what_a_narrower_one_has_learnt(tmp_path: Path) -> None:
    narrow = tiny_painter(tmp_path / "narrow words")
    narrow.save_pretrained(tmp_path / "narrow")
    words_of_it = tokenizer.build(replace(TINY, listed=CPU.listed), tmp_path / "wide words")
    assert len(words_of_it) > len(narrow.tokenizer)
    wide = denoiser.build(words_of_it, TINY)
    warm_start.begin(wide, words_of_it, tmp_path / "narrow")

    def meaning(encoder: nn.Module, ids: list[int]) -> Tensor:
        return encoder(torch.tensor([ids])).last_hidden_state  # type: ignore[no-any-return]

    both_know, new = "a cat on a beach", "hedgehog"
    before = meaning(narrow.text_encoder.eval(), narrow.tokenizer(both_know).input_ids)
    assert torch.allclose(before, meaning(wide.text_encoder.eval(), words_of_it(both_know).input_ids), atol=1e-5)
    assert len(words_of_it(new, add_special_tokens=False).input_ids) == 1
    noisy, times = torch.randn(1, 8, 4, 4), torch.tensor([500])
    same = [unet.eval()(noisy, times, before).sample for unet in (narrow.unet, wide.unet)]
    assert torch.equal(*same)
    picture, begun = torch.ones(1, 3, 32, 32), autoencoder.build(tmp_path / "narrow" / "vae")
    assert torch.equal(begun.encoder(picture), narrow.vae.encoder(picture))


def test_a_finished_model_says_what_it_was_trained_on(tmp_path: Path) -> None:
    words_of_it = tokenizer.build(CPU, tmp_path / "words")
    export(autoencoder.build(), words_of_it, denoiser.build(words_of_it, CPU), CPU, tmp_path / "wide", (FIRST,))
    assert editions(tmp_path / "wide") == (FIRST, CPU)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "vocabulary.json").write_text('{"edition": "first"}')
    assert editions(tmp_path / "old") == (FIRST,)


@pytest.mark.parametrize(("start", "why"), [("nowhere", "holds no finished model"), ("model", "Copy that model")])
def test_what_cannot_be_begun_with_is_told_before_anything_is_written(
    start: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("{}")
    folders = ["--folder", f"{tmp_path}/work", "--into", f"{tmp_path}/model", "--start", f"{tmp_path}/{start}"]
    monkeypatch.setattr("sys.argv", ["training", "denoiser", *folders])
    with pytest.raises(SystemExit):
        main()
    assert why in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_denoiser_of_other_widths_is_no_start(tmp_path: Path) -> None:
    tiny_painter(tmp_path / "words").save_pretrained(tmp_path / "narrow")
    wider = replace(TINY, channels=(32, 64))
    words_of_it = tokenizer.build(wider, tmp_path / "words")
    with pytest.raises(ValueError, match=r"widths \(32, 32\), this edition one of \(32, 64\)"):
        warm_start.begin(denoiser.build(words_of_it, wider), words_of_it, tmp_path / "narrow")


def test_a_new_controlnet_changes_nothing_and_learns_from_the_sketch(tmp_path: Path) -> None:
    pipeline = tiny_painter(tmp_path)
    controlled = control.Controlled(pipeline, control.build(pipeline))
    noisy, times, tokens = torch.randn(2, 8, 4, 4), torch.tensor([10, 900]), torch.randint(0, 90, (2, 32))
    alone = pipeline.unet(noisy, times, pipeline.text_encoder(tokens).last_hidden_state).sample
    led = controlled(noisy, times, tokens, torch.ones(2, 3, 32, 32))
    assert torch.allclose(led, alone, atol=1e-5)
    led.square().mean().backward()
    assert all(value.grad is None for value in pipeline.unet.parameters())
    assert any(value.grad is not None and value.grad.any() for value in controlled.controlnet.parameters())
    controlled.controlnet.save_pretrained(tmp_path / "controlnet")
    begun = control.build(pipeline, tmp_path / "controlnet").state_dict()
    assert all(torch.equal(value, begun[name]) for name, value in controlled.controlnet.state_dict().items())


def test_a_ddim_step_along_the_true_velocity_stays_on_the_path() -> None:
    solver = few_steps.SolverPath(denoiser.training_schedule(), torch.device("cpu"))
    clean, noise = torch.randn(3, 8, 4, 4), torch.randn(3, 8, 4, 4)
    points, to = torch.tensor([4, 11, 16]), torch.tensor([0, 10, 12])
    (alpha, sigma), (to_alpha, to_sigma) = solver.at(points), solver.at(to)
    noisy, velocity, landed = (
        alpha * clean + sigma * noise,
        alpha * noise - sigma * clean,
        to_alpha * clean + to_sigma * noise,
    )
    assert torch.allclose(solver.jump(noisy, velocity, points, to), landed, atol=1e-4)
    assert torch.allclose(solver.velocity(noisy, landed, points, to), velocity, atol=1e-4)
    assert torch.equal(landed[0], clean[0])


def test_the_student_learns_at_the_noise_levels_it_paints_at() -> None:
    solver = few_steps.SolverPath(denoiser.training_schedule(), torch.device("cpu"))
    scheduler = samplers.build(FEW_STEPS, denoiser.training_schedule().config)
    scheduler.set_timesteps(FEW_STEPS.steps)
    taught = [int(solver.timesteps[few_steps.WITHIN * step]) for step in range(few_steps.STEPS, 0, -1)]
    assert scheduler.timesteps.tolist() == pytest.approx(taught, abs=1)


def test_the_few_step_edition_trains_a_lora_alone_and_diffusers_loads_it(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    pipeline = tiny_painter(tmp_path)
    distillation = few_steps.Distillation(pipeline, torch.device("cpu"))
    tokens = torch.randint(0, 90, (2, 32))
    lesson = distillation.taught(torch.randn(2, 8, 4, 4), tokens, tokens[:1])
    assert not lesson.velocity.requires_grad
    distillation(lesson).backward()
    assert {name.split(".")[-3] for name, item in distillation.student.named_parameters() if item.requires_grad} == {
        "lora_A", "lora_B",
    }  # fmt: skip
    few_steps.save(distillation.student, tmp_path / "few-steps")
    again = tiny_painter(tmp_path)
    again.load_lora_weights(tmp_path / "few-steps")
    assert again.get_active_adapters()
    for _, item in distillation.student.named_parameters():
        item.data += 0.1 * item.requires_grad
    few_steps.save(distillation.student, tmp_path / "learnt")
    further = few_steps.Distillation(tiny_painter(tmp_path), torch.device("cpu"), tmp_path / "learnt")
    learnt = {name: item for name, item in distillation.student.named_parameters() if item.requires_grad}
    for name, item in further.student.named_parameters():
        assert item.requires_grad == (name in learnt)
        assert not item.requires_grad or torch.allclose(item, learnt[name], atol=1e-3)


def test_what_is_painted_on_the_way_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("peft")
    random, material = np.random.default_rng(0), Material(SceneDataset(0, TINY), 9, tmp_path)
    material.pictures = random.integers(0, 256, (9, 32, 32, 3), np.uint8)
    sketches = random.integers(0, 2, (9, 2, 32, 32), np.uint8)
    monkeypatch.setattr(material, "sketches", lambda count: sketches[:count])
    pipeline = tiny_painter(tmp_path / "words")
    control.train(control.build(pipeline), pipeline, material, 9, tmp_path, minutes=0.001)
    few_steps.train(pipeline, material, 9, tmp_path, tmp_path / "lora", minutes=0.001)
    with Image.open(tmp_path / "control.png") as led, Image.open(tmp_path / "few-steps.png") as quick:
        assert (led.size, quick.size) == ((8 * 32, 2 * 32), (4 * 32, 2 * 32))
        above = np.asarray(led)[:32, :32]
    assert np.array_equal(above[..., 0], 255 * sketches[0, 1]), "the sketch that was followed is not above"


def test_the_recogniser_is_taught_shares_of_what_is_there() -> None:
    scenes = [SceneDataset(0, CPU).scene(index) for index in range(60)]
    right = recogniser.targets(scenes, CPU)
    for scene, shares in zip(scenes, right["thing"], strict=True):
        assert shares.sum() == 1
        assert (shares == 0.5).sum() == (2 if scene.other else 0)
    assert [bool(row.any()) for row in right["time"]] == [scene.tells_time for scene in scenes]
    outdoors = [places.BY_NAME[scene.place].outdoors for scene in scenes]
    assert [bool(row.any()) for row in right["weather"]] == outdoors, "there is no weather to be read in a room"
    assert [bool(row.any()) for row in right["count"]] == [not scene.other for scene in scenes]


def test_the_recogniser_is_told_where_things_stand() -> None:
    masks = torch.zeros(2, 16, 16, dtype=torch.uint8)
    masks[0, :4, :8] = 1  # two cells
    masks[1, 6:10, 6:10] = 1  # a quarter of each of four
    first, second = recogniser.standing(masks, 16).view(2, 4, 4)
    assert first.nonzero().tolist() == [[0, 0], [0, 1]]
    assert first.max() == 0.5
    assert second.nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert second.max() == 0.25


def test_the_recogniser_shares_out_its_answer_and_its_look() -> None:
    judge = recogniser.Recogniser(CPU).eval()
    with torch.no_grad():
        scores, where = judge(torch.randn(3, 3, 128, 128))
        assert torch.allclose(scores["thing"].exp().sum(1), torch.ones(3), atol=1e-5)
        assert torch.allclose(where.exp().sum(1), torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("edition", [FIRST, CPU], ids=lambda edition: edition.name)
def test_the_vocabulary_says_what_can_be_asked_for(edition: Edition) -> None:
    told = vocabulary(edition)
    assert {"things", "synonyms", "places", "times", "weathers", "styles", "words"} <= told.keys()
    known = set(words(edition))
    assert "cat" in known
    assert "istanbul" not in known
    assert ("sizes" in told) == (not edition.alone)


def test_there_is_a_core_where_the_system_does_not_tell_which_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert _cores() >= 1
