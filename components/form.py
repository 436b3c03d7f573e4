"""The form: from the widgets' values to what is asked for, and from settings back to the widgets."""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from components.canvas import Layers
from components.controls import LOCKED, RANDOM
from components.drawing import LINES, OFF, ONLY_MASKED, OWN, PICTURE, UNITS, WHOLE
from components.fitting import OWN_VAE, clip_skip, length, picture, sampler_menu, schedule_menu, size, vae_menu
from studio import GenerationRequest, Run, Studio
from studio.canvas import preprocess
from studio.errors import RequestRefused, UnreadablePicture
from studio.request import RANDOM_SEED, TEMPLATES, ControlUnit, Inpaint

BRANCHABLE = (
    "prompt",
    "negative_prompt",
    "sampler",
    "schedule",
    "cfg_scale",
    "distilled_cfg_scale",
    "clip_skip",
    "vae",
    "inpaint",
    "control",
)
"""What the widgets decide of a branch; the number of steps to come has a field of its own."""
PLAIN = (
    "prompt", "negative_prompt", "model", "sampler", "schedule", "steps", "cfg_scale", "distilled_cfg_scale",
    "clip_skip", "width", "height", "frames", "fps", "seconds", "batch_size"
)  # fmt: skip
"""Settings whose widgets have their values as they are."""
LEFT = (*PLAIN, "vae", "strength", "start_on")
"""What a page that is opened again takes from the newest run."""
MOST_RUNS = 16
MOST_MAPS = 256
FROM_NOISE = (
    "This run started from noise, and so do its branches: there is no picture for the mask to keep. "
    "Send a step to the canvas and press Paint, or put the canvas away."
)


@dataclass(frozen=True)
class Asked:
    """What a press of Paint asks for."""

    request: GenerationRequest
    count: int
    """Batches, one after another."""
    loops: int
    """How often the result becomes the start of the next."""
    locked: bool
    """Whether the seed stays."""
    strength: float
    """Of a loop's next turn, whatever the first one started from."""


class Form:
    """Reads and fills the widgets of those names, in their order."""

    def __init__(self, studio: Studio, names: tuple[str, ...]) -> None:
        self._studio, self._names = studio, names
        self._maps: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Of a preprocessor and a picture's name, the map's: a form is read at every letter typed."""
        self._kept: OrderedDict[tuple[str, int, str], str] = OrderedDict()
        """Of an uploaded file, when it was written, and whose it is, the name it is kept under: for the same reason."""

    def asked(self, values: tuple[Any, ...], owner: str) -> Asked:
        """What the widgets' values ask for; pictures are kept as that owner's.

        Raises:
            StudioError: if what was drawn is not there, or cannot be read.
        """
        given = dict(zip(self._names, values, strict=True))
        locked = given["seed_mode"] != RANDOM
        seed = given["seed"] if locked and given["seed"] is not None else RANDOM_SEED
        varied: dict[str, Any] = {}
        if given["variation_strength"]:
            varied = {name: given[name] or 0 for name in ("variation_seed", "variation_strength")}
        plain = {name: given[name] for name in PLAIN}
        plain["vae"] = "" if given["vae"] == OWN_VAE else given["vae"]
        request = GenerationRequest(**plain, **varied, **self._drawn(given, owner), seed=seed)
        if given["styles"]:
            request = self._studio.styled(request, given["styles"])
        return Asked(request, _count(given["batch_count"]), _count(given["loops"]), locked, given["strength"])

    def changes(self, run: Run, values: tuple[Any, ...]) -> dict[str, Any]:
        """What the widgets' values would change in a branch of a run. Where the canvas is put
        away, mask and control stay as they are.

        Raises:
            StudioError: as ``asked``, and for a mask where the run has no picture.
        """
        asked = self.asked(values, run.owner).request
        kept = () if values[0] else ("inpaint", "control")
        if asked.inpaint and not kept and not run.request.image:
            raise RequestRefused("inpaint", FROM_NOISE)
        changed = {name: getattr(asked, name) for name in BRANCHABLE if name not in kept}
        return {name: value for name, value in changed.items() if value != _written(run.request, name)}

    def _drawn(self, given: dict[str, Any], owner: str) -> dict[str, Any]:
        """What of a request comes from the canvas; nothing where it is put away."""
        if not given["layers"]:
            return {}
        layers = Layers.of(_parsed(given["layers"]), Path(get_upload_folder()))
        drawn: dict[str, Any] = {}
        if layers.mask and not layers.picture:
            raise RequestRefused("image", "A mask needs the picture that it masks: open one, or paint colours.")
        if layers.picture and given["start_on"]:
            drawn = {name: given[name] for name in ("strength", "resize_mode")}
            if self._studio.library.edits(given["model"]):
                drawn["strength"] = 1.0  # whatever its slider says, which is not shown
            drawn["image"] = self._brought(layers.picture, owner)
            if layers.mask:
                drawn["inpaint"] = _inpaint(given, self._brought(layers.mask, owner), layers.extended)
        units = [self._unit(given, number, layers, owner) for number in range(UNITS)]
        return drawn | {"control": tuple(unit for unit in units if unit is not None)}

    def _unit(self, given: dict[str, Any], number: int, layers: Layers, owner: str) -> ControlUnit | None:
        value = {name.partition(".")[2]: value for name, value in given.items() if name.startswith(f"{number}.")}
        image = self._followed(value, layers, owner)
        if image is None or not value["model"]:
            return None
        return ControlUnit(
            model=value["model"],
            image=image,
            weight=value["weight"],
            start=value["start"],
            end=value["end"],
            mode=value["mode"],
            resize_mode=value["resize_mode"],
        )

    def _followed(self, unit: dict[str, Any], layers: Layers, owner: str) -> str | None:
        """The name of what a unit follows, as its ControlNet gets it; None if there is nothing.

        Raises:
            StudioError: if it cannot be read, or its preprocessor has no weights.
        """
        path = {OFF: None, LINES: layers.sketch, PICTURE: layers.picture, OWN: unit["own"] and Path(unit["own"])}
        found = path.get(unit["source"])
        if not found:
            return None
        name = self._brought(found, owner)
        return name if unit["source"] == LINES else self._preprocessed(unit["preprocessor"], name, owner)

    def _brought(self, path: Path, owner: str) -> str:
        """The name under which an uploaded picture is kept; read and kept once.

        Raises:
            StudioError: if it cannot be.
        """
        try:
            key = str(path), path.stat().st_mtime_ns, owner
        except OSError:
            raise UnreadablePicture("This picture is not on the server any more: bring it again.") from None
        name = self._kept.pop(key, "")
        if not self._studio.collection.may_use(name, owner):
            name = self._studio.collection.bring(path, owner)
        self._kept[key] = name
        if len(self._kept) > MOST_MAPS:
            self._kept.popitem(last=False)
        return name

    def _preprocessed(self, preprocessor: str, name: str, owner: str) -> str:
        """The name of the map that a preprocessor takes from a picture; taken once."""
        known = self._maps.get((preprocessor, name), "")
        if self._studio.collection.may_use(known, owner):
            return known
        made = preprocess.control_map(preprocessor, self._studio.inputs.get(name))
        self._maps[preprocessor, name] = known = self._studio.collection.bring(made, owner)
        if len(self._maps) > MOST_MAPS:
            self._maps.popitem(last=False)
        return known

    def map_of(self, number: int, values: tuple[Any, ...], owner: str) -> Image.Image | None:
        """What a unit follows."""
        given = dict(zip(self._names, values, strict=True))
        value = {name.partition(".")[2]: value for name, value in given.items() if name.startswith(f"{number}.")}
        empty = {"width": 16, "height": 16, "picture": "", "mask": "", "sketch": "", "extended": False}
        layers = Layers.of(_parsed(given["layers"]) or empty, Path(get_upload_folder()))
        followed = self._followed(value, layers, owner)
        return self._studio.inputs.get(followed) if followed else None

    def filled(self, fields: dict[str, Any], owner: str) -> tuple[Any, ...]:
        """Values for every widget from a request's fields, with what is missing at its default; of pictures
        only that owner's."""
        known = {field.name: field.default for field in dataclasses.fields(GenerationRequest)}
        if fields.get("model") not in self._studio.library.names:
            fields = {name: value for name, value in fields.items() if name != "model"}
        told: dict[str, Any] = known | fields
        values = {name: told[name] for name in PLAIN}
        fits = self._studio.library.fitting(told["model"])
        values |= {"sampler": sampler_menu(fits, told["sampler"])}
        values |= {"schedule": schedule_menu(told["sampler"], told["schedule"])}
        values |= {"vae": vae_menu(self._studio.library.vaes(told["model"]), told["vae"])}
        distilled = told["distilled_cfg_scale"]
        values |= {"distilled_cfg_scale": gr.Slider(value=distilled, visible=bool(fits and fits.distilled))}
        values |= length(fits, told["frames"], told["fps"], told["seconds"])
        values |= size(fits, told["width"], told["height"])
        values |= {"clip_skip": clip_skip(fits, told["clip_skip"]), "styles": []}
        values |= {"batch_size": told["batch_size"] if "branch" in fields else 1, "batch_count": 1, "loops": 1}
        values |= {name: told[name] for name in ("variation_seed", "variation_strength", "seed")}
        values |= {"seed_mode": LOCKED} | self._canvas(told, owner)
        values |= picture(fits, start_on={"value": True}, strength={"value": told["strength"]})
        return tuple(values.get(name, gr.skip()) for name in self._names)

    def left(self, request: GenerationRequest | None, model: str, owner: str) -> tuple[Any, ...]:
        """The same for a page that is opened again, from the newest request. The canvas, which the page keeps, and what
        a press of Paint decides anew, such as the seed, are left alone; without a request all else is, too."""
        if request is None:
            values = {"clip_skip": clip_skip(self._studio.library.fitting(model))}
        else:
            told = fields_of(request) | {name: _written(request, name) for name in TEMPLATES}
            filled = zip(self._names, self.filled(told, owner), strict=True)
            values = {name: value for name, value in filled if name in LEFT}
        return tuple(values.get(name, gr.skip()) for name in self._names)

    def _canvas(self, told: dict[str, Any], owner: str) -> dict[str, Any]:
        values: dict[str, Any] = {"resize_mode": told["resize_mode"]}
        values |= {f"{number}.source": OFF if number else LINES for number in range(UNITS)}
        if (inpaint := told["inpaint"]) is not None:
            area = ONLY_MASKED if inpaint.only_masked else WHOLE
            values |= {"blur": inpaint.blur, "content": inpaint.content, "area": area}
            values |= {"padding": inpaint.padding, "soft": inpaint.soft}
        for number, unit in enumerate(told["control"][:UNITS]):
            if self._studio.collection.may_use(unit.image, owner) and unit.model in self._studio.library.controls:
                path = str(self._studio.collection.start(unit.image, owner))
                values |= {f"{number}.{name}": getattr(unit, name) for name in ("model", "weight", "start", "end")}
                values |= {f"{number}.mode": unit.mode, f"{number}.resize_mode": unit.resize_mode}
                values |= {f"{number}.source": OWN, f"{number}.own": gr.Image(path, visible=True)}
                values |= {f"{number}.preprocessor": "None"}
        return values

    def sent(self, fields: dict[str, Any], owner: str) -> tuple[str | None, str | None]:
        """The start picture and the mask of a request's fields, for the canvas; None where that owner has none."""
        inpaint = fields.get("inpaint")
        return self._start(fields.get("image", ""), owner), self._start(inpaint.mask if inpaint else "", owner)

    def _start(self, name: str, owner: str) -> str | None:
        collection = self._studio.collection
        return str(collection.start(name, owner)) if collection.may_use(name, owner) else None


def _written(request: GenerationRequest, name: str) -> Any:
    """What the widget held: of a prompt that was chosen, what it was chosen from."""
    return getattr(request, TEMPLATES.get(name, name)) or getattr(request, name)


def fields_of(request: GenerationRequest) -> dict[str, Any]:
    """A request's fields, nested values as they are."""
    return {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}


def _inpaint(given: dict[str, Any], mask: str, extended: bool) -> Inpaint:
    # What lies beyond the old edges of an extended picture is nothing to start from.
    content = "fill" if extended and given["content"] == "original" else given["content"]
    only_masked = given["area"] == ONLY_MASKED
    return Inpaint(
        mask=mask,
        blur=given["blur"],
        content=content,
        only_masked=only_masked,
        padding=given["padding"] if only_masked else Inpaint(mask="").padding,
        soft=given["soft"],
    )


def _count(value: Any) -> int:
    return min(max(int(value or 1), 1), MOST_RUNS)


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def whole_number(text: str, name: str) -> int:
    """What was typed where a branch may be told a number.

    Raises:
        gr.Error: if it is none.
    """
    if not text.strip().isdecimal() or len(text) > 12:
        label = {"remaining": "Steps to come", "noise_seed": "Noise seed"}[name]
        raise gr.Error(f"{label} is a whole number, or empty to leave it as it is.", print_exception=False)
    return int(text)
