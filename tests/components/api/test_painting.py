"""What programs have painted, over HTTP: with a real studio, the embedded model and few steps."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops, ImageDraw

from components.api.answers import PICTURES
from studio import Run
from studio.events import Cancelled, Paused, Step
from studio.gallery.pictures import LOCAL
from studio.models.library import EMBEDDED, EMBEDDED_QUICK
from studio.sharing.budget import Allowance
from studio.sharing.roles import Role
from tests.components.api.client import BOT, KRITA, PHOTOSHOP, Client, encoded, picture
from tests.components.serving import Serving

LONG = BOT | {"steps": 150, "width": 256, "height": 256}
INFO = """prompt all_prompts negative_prompt seed all_seeds subseed all_subseeds width height sampler_name cfg_scale
steps batch_size sd_model_name sd_model_hash infotexts index_of_first_image denoising_strength clip_skip styles
version"""


@dataclass
class Program:
    """A client, and who it is here."""

    serving: Serving
    client: Client
    person: str

    def runs(self) -> list[Run]:
        return self.serving.studio.runs.of(self.person)

    def kept(self) -> int:
        return len(self.serving.studio.collection.history.page(self.person))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("painting"), behind_proxy=True, api=True)
    made.studio.sharing.grant(Allowance(waiting=2, work_a_day=0))
    made.studio._ask(lambda _: None)
    yield made
    made.close()


def program(serving: Serving, role: Role = Role.ARTIST) -> Program:
    token = serving.token(role)
    link = serving.studio.sharing.links.find(token)
    assert link is not None
    client = Client(serving.url, headers={"Authorization": f"Bearer {token}"})
    return Program(serving, client, LOCAL if role is Role.OWNER else f"link-{link.id}")


@pytest.fixture(scope="module")
def owner(serving: Serving) -> Program:
    return program(serving, Role.OWNER)


@pytest.fixture
def ada(serving: Serving) -> Program:
    return program(serving)


@pytest.fixture
def eve(serving: Serving) -> Program:
    return program(serving)


@pytest.fixture(scope="module")
def start() -> Image.Image:
    drawn = Image.new("RGB", (128, 128), "#88aacc")
    ImageDraw.Draw(drawn).ellipse((30, 30, 98, 98), fill="#cc4422")
    return drawn


def half(mode: str = "L") -> Image.Image:
    """A mask of the left half: white, or opaque."""
    mask = Image.new(mode, (128, 128), 0)
    mask.paste((0, 0, 0, 255) if mode == "RGBA" else 255, (0, 0, 64, 128))
    return mask


def changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(before, after.convert("RGB")).getbbox()


def infos(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(answer["info"]))


def until(found: Callable[[], Any]) -> Any:
    """What is found, once there is anything."""
    while not (value := found()):
        pass
    return value


@pytest.fixture
def apart() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


def painting(asker: Program, apart: ThreadPoolExecutor, payload: dict[str, Any]) -> tuple[Future[dict[str, Any]], Run]:
    """An answer that is on its way, and its run, which is being painted."""
    before = len(asker.runs())
    answer = apart.submit(asker.client.made, "txt2img", payload)
    run = until(lambda: answer.done() or asker.runs()[before:])[0]
    next(event for event in run if isinstance(event, Step))
    return answer, run


def test_a_bots_payload_makes_pictures_with_their_settings_and_leaves_none(owner: Program) -> None:
    asked = BOT | {"batch_size": 2, "n_iter": 2, "seed": 5, "styles": ["Night"], "nobody_knows_this": [1]}
    answer = owner.client.made("txt2img", asked)
    pictures, info = [picture(each) for each in answer["images"]], infos(answer)
    assert {each.size for each in pictures} == {(128, 128)}
    assert len({each.tobytes() for each in pictures}) == 4
    assert [each.text["parameters"] for each in pictures] == info["infotexts"]
    assert {*INFO.split()} <= {*info}
    assert info["all_seeds"] == [5, 6, 7, 8]
    assert info["all_prompts"] == ["a fox in the snow at night"] * 4
    assert (info["sampler_name"], info["sd_model_name"], info["index_of_first_image"]) == ("Euler a", EMBEDDED, 0)
    assert f"Model hash: {info['sd_model_hash']}" in info["infotexts"][3]
    assert "Seed: 8" in info["infotexts"][3]
    told = answer["parameters"]
    assert {name: value for name, value in told.items() if name not in PICTURES} == {
        name: value for name, value in asked.items() if name not in PICTURES
    }
    assert owner.kept() == 0
    assert not any(path.exists() for run in owner.runs() for path in run.result.paths)


def test_pictures_are_kept_and_not_sent_where_that_is_asked_for(ada: Program, eve: Program) -> None:
    answer = ada.client.made("txt2img", BOT | {"save_images": True, "send_images": False})
    assert answer["images"] == []
    assert len(infos(answer)["infotexts"]) == ada.kept() == 1
    assert eve.kept() == 0


def test_a_picture_read_back_asks_for_itself(owner: Program) -> None:
    first = owner.client.made(
        "txt2img", BOT | {"subseed_strength": 0.3, "sampler_name": "DPM++ 2M SDE", "cfg_scale": 4.5}
    )
    read = owner.client.made("png-info", {"image": first["images"][0]})
    assert read["info"] == picture(first["images"][0]).text["parameters"]
    said = read["parameters"]
    assert (said["Size-1"], said["Sampler"], said["Prompt"]) == ("128", "DPM++ 2M SDE", BOT["prompt"])
    by_text = owner.client.made("txt2img", {"infotext": read["info"]})
    by_fields = owner.client.made(
        "txt2img",
        {
            "prompt": said["Prompt"],
            "negative_prompt": said["Negative prompt"],
            "sampler_name": said["Sampler"],
            "scheduler": said["Schedule type"],
            "steps": int(said["Steps"]),
            "cfg_scale": float(said["CFG scale"]),
            "seed": int(said["Seed"]),
            "subseed": int(said["Variation seed"]),
            "subseed_strength": float(said["Variation seed strength"]),
            "width": int(said["Size-1"]),
            "height": int(said["Size-2"]),
            "override_settings": {"sd_model_checkpoint": said["Model hash"] and said["Model"]},
        },
    )
    requests = [run.request for run in owner.runs()[-3:]]
    assert requests[0] == requests[1] == requests[2]
    assert {picture(each["images"][0]).tobytes() for each in (by_text, by_fields)} == {
        picture(first["images"][0]).tobytes()
    }


def test_a_plugins_selection_is_painted_anew_and_the_rest_stays(owner: Program, start: Image.Image) -> None:
    sent = {"init_images": [encoded(start)]}
    for mask in (half(), half("RGBA")):
        answer = owner.client.made("img2img", KRITA | sent | {"mask": encoded(mask), "mask_blur": 0})
        left, _, right, _ = changed(start, picture(answer["images"][0])) or (0, 0, 0, 0)
        assert 0 <= left < right <= 64
        assert [answer["parameters"][name] for name in ("init_images", "mask")] == [None, None]
        assert (infos(answer)["sampler_name"], infos(answer)["denoising_strength"]) == ("DPM++ 2M", 0.8)
    turned = KRITA | sent | {"mask": encoded(half()), "mask_blur": 0, "inpainting_mask_invert": 1}
    left, *_ = changed(start, picture(owner.client.made("img2img", turned)["images"][0])) or (0,)
    assert left >= 64
    whole = owner.client.made("img2img", KRITA | sent)
    assert changed(start, picture(whole["images"][0]))
    request = owner.runs()[-1].request
    assert (request.resize_mode, request.schedule, request.inpaint) == ("Crop and resize", "Karras", None)


def test_a_masked_part_alone_is_led_by_a_controlnet(owner: Program, start: Image.Image) -> None:
    answer = owner.client.made("img2img", PHOTOSHOP | {"init_images": [encoded(start)], "mask": encoded(half())})
    assert changed(start, picture(answer["images"][0]))
    request = owner.runs()[-1].request
    assert request.inpaint is not None
    assert (request.inpaint.only_masked, request.inpaint.padding, request.inpaint.content) == (True, 16, "latent noise")
    assert [(unit.model, unit.weight, unit.image) for unit in request.control] == [
        ("stepwise-lines", 0.7, request.image)
    ]


def test_what_goes_wrong_while_painting_is_told_in_the_web_uis_shape(owner: Program, start: Image.Image) -> None:
    black = Image.new("L", (128, 128), 0)
    answer = owner.client.post("img2img", KRITA | {"init_images": [encoded(start)], "mask": encoded(black)})
    sentence = "The mask is empty: paint over what shall change."
    assert answer.status_code == 500
    assert answer.json() == {"error": "studio", "detail": sentence, "body": "", "errors": sentence}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"enable_hr": True}, "enable_hr is not here"),
        ({"styles": ["Nobody's"]}, "There is no style of the name"),
        ({"prompt": "<lora:nothing:1>"}, "There is no LoRA of the name"),
        ({"prompt": "\ud800"}, "holds a broken character"),
        ({"sampler_name": "\ud800"}, "There is no sampler of that name"),
        ({"override_settings": {"sd_model_checkpoint": "\ud800"}}, "there is no model"),
        ({"override_settings": {"sd_vae": "nothing"}}, "There is no VAE of the name"),
        ({"init_images": ["http://127.0.0.1/secret.png"]}, "No address is fetched here"),
        ({"init_images": ["bm9uZQ=="]}, "no picture that can be read"),
        ({"init_images": ["a"]}, "no picture in base64"),
        ({"init_images": ["é"]}, "no picture in base64"),
    ],
)
def test_what_is_refused_is_told_and_nothing_is_painted(ada: Program, payload: dict[str, Any], said: str) -> None:
    route = "img2img" if "init_images" in payload else "txt2img"
    head = {"Content-Type": "application/json"}
    answer = ada.client.http.post(route, content=json.dumps(BOT | payload | {"denoising_strength": 0.5}), headers=head)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert ada.runs() == []


def test_options_are_each_persons_own_and_for_what_they_ask_for_later(ada: Program, eve: Program) -> None:
    assert ada.client.post("options", {"sd_model_checkpoint": EMBEDDED_QUICK}).json() is None
    assert ada.client.post("options", {"CLIP_stop_at_last_layers": 2}).status_code == 200
    assert ada.client.get("options")["sd_model_checkpoint"] == EMBEDDED_QUICK
    assert ada.client.post("options", ada.client.get("options")).status_code == 200, "as it was told, so it is taken"
    assert eve.client.get("options")["sd_model_checkpoint"] == EMBEDDED
    for wrong in ({"sd_model_checkpoint": "nothing"}, {"sd_vae": "nothing"}, {"samples_format": "jpg"}):
        assert ada.client.post("options", wrong).status_code == 422
    answer = ada.client.made("txt2img", {"prompt": "a cat", "steps": 1})
    assert (infos(answer)["sd_model_name"], infos(answer)["clip_skip"]) == (EMBEDDED_QUICK, 2)
    other = ada.client.made("txt2img", BOT | {"override_settings": {"sd_model_checkpoint": EMBEDDED}})
    assert infos(other)["sd_model_name"] == EMBEDDED
    assert ada.client.get("options")["sd_model_checkpoint"] == EMBEDDED_QUICK


def test_everybody_sees_stops_and_skips_their_own_alone(ada: Program, eve: Program, apart: ThreadPoolExecutor) -> None:
    answer, first = painting(ada, apart, LONG | {"n_iter": 3, "save_images": True})
    seen = until(lambda: (told := ada.client.get("progress"))["current_image"] and told)
    assert 0 < seen["progress"] < 0.4
    assert (seen["state"]["job_count"], seen["state"]["job_no"], seen["state"]["sampling_steps"]) == (3, 0, 150)
    assert Image.open(io.BytesIO(base64.b64decode(seen["current_image"]))).size[0] > 0
    assert ada.client.get("progress?skip_current_image=true")["current_image"] is None
    hers = eve.client.get("progress")
    assert (hers["progress"], hers["current_image"], hers["state"]["job_count"]) == (0.0, None, 0)
    for act in ("interrupt", "skip"):
        assert eve.client.post(act).status_code == 200
    assert not first.cancel_asked
    assert ada.client.post("skip").status_code == 200
    second = until(lambda: [run for run in ada.runs() if run is not first])[0]
    assert isinstance(list(first)[-1], Cancelled)
    next(event for event in second if isinstance(event, Step))
    assert ada.client.get("progress")["state"]["job_no"] == 1
    assert ada.client.post("interrupt").json() == {}
    told = answer.result()
    assert told["images"] == infos(told)["infotexts"] == []
    assert [type(list(run)[-1]) for run in ada.runs()] == [Cancelled, Cancelled], "the third is not begun"
    assert ada.client.get("progress")["progress"] == 0


def test_who_has_enough_under_way_or_had_enough_today_is_told_so(
    serving: Serving, ada: Program, apart: ThreadPoolExecutor
) -> None:
    asked = [painting(ada, apart, LONG)[0] for _ in range(2)]
    refused = ada.client.post("txt2img", BOT)
    assert refused.status_code == 429
    assert "You have 2 runs under way" in refused.json()["detail"]
    ada.client.post("interrupt")
    assert [answer.result()["images"] for answer in asked] == [[], []]
    before = serving.studio.sharing.allowance
    serving.studio.sharing.grant(Allowance(work_a_day=1))
    refused = ada.client.post("txt2img", BOT)
    serving.studio.sharing.grant(before)
    assert refused.status_code == 429
    assert "what you may paint in a day" in refused.json()["detail"]


def test_a_program_that_goes_away_has_its_run_stopped(ada: Program) -> None:
    where, content = urlsplit(ada.serving.url), json.dumps(LONG | {"n_iter": 2}).encode()
    head = f"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {ada.client.http.headers['authorization']}\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        connection.sendall(head.encode() + content)
        run = until(ada.runs)[0]
        next(event for event in run if isinstance(event, Step))
    assert isinstance(list(run)[-1], Cancelled)
    until(lambda: ada.client.get("progress")["state"]["job_count"] == 0)
    assert len(ada.runs()) == 1


def test_a_run_that_its_page_has_left_goes_on_for_the_program(ada: Program, apart: ThreadPoolExecutor) -> None:
    answer, run = painting(ada, apart, BOT | {"steps": 30})
    run.leave()
    assert isinstance(list(run)[-1], Paused)
    assert len(answer.result()["images"]) == 1
    assert ada.runs()[-1].parent is run
