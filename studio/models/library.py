"""The models there are: the embedded one, and those found where people already have theirs."""

import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio import limits
from studio.errors import ModelUnavailable, RequestRefused, StudioError
from studio.models import beside
from studio.models.beside import read_json
from studio.models.family import Kind, Nature
from studio.models.hashes import Hashes, of_weights, spelt
from studio.models.layouts import model_folders
from studio.models.lending import lacking, lenders, nearest
from studio.models.scan import WHOLE_FILES, Found, candidates, describe, hub_cache, is_model_folder
from studio.presets import CLIP_TOKENIZER, FITTING, PRESETS, Fitting
from studio.prompting.lora_tags import LoraTag, lora_tags
from studio.prompting.names import named_in
from studio.request import GenerationRequest

EMBEDDED = "stepwise-embedded"
EMBEDDED_QUICK = "stepwise-embedded-4-steps"
EMBEDDED_CONTROL = "stepwise-lines"
EMBEDDED_FOLDER = Path(__file__).parent.parent.parent / "assets" / "embedded"
SHORT_HASH = re.compile("[0-9A-Fa-f]{10,64}")
"""As the web UI writes it into pictures; its older one, of 8 digits, is no beginning of a SHA-256."""
RESCAN_SECONDS = 20.0
BUSY_SECONDS = 0.1
"""How long the hashing stands aside before it asks again."""


@dataclass(frozen=True)
class Lora:
    """A LoRA file, and how a prompt asks for it."""

    path: Path
    tag: LoraTag
    adapter: str
    """Its name among a model's adapters, which may hold no point; another one when the file changes."""
    short_hash: str = ""
    """Of its weights without the header, as its trainer wrote it; empty where it did not."""


@dataclass(frozen=True)
class Inversion:
    """A textual inversion's file, and the word that asks for it."""

    name: str
    path: Path
    short_hash: str = ""
    """Of the file; empty while it is not yet known."""


@dataclass(frozen=True)
class Source:
    """Where a model is, what its file says it is, and the folder that lends it what it lacks."""

    path: Path
    nature: Nature = Nature(Kind.CHECKPOINT)
    lender: Path | None = None


@dataclass(frozen=True)
class VaeSource:
    """Where a VAE is, its name, and the folder with the configuration of the one in whose place it stands."""

    name: str
    path: Path
    like: Path


class Library:
    """Models by name. Names are what requests carry; paths stay here.

    What lies directly in the folders and can be painted is known at once; ``rescan`` finds everything else, and
    ``watch`` does so again and again in its own thread. Any thread may ask meanwhile.
    """

    def __init__(self, folders: Iterable[Path] = (), hub: bool = False, hashes: Hashes | None = None) -> None:
        """``folders`` may be those of another program (see ``layouts``); ``hub`` adds the Hugging Face cache;
        ``hashes`` remembers the files' SHA-256."""
        self._roots, self._hub, self.hashes = tuple(folders), hub, hashes or Hashes()
        self._found: dict[Path, tuple[tuple[int, ...], Found]] = {}
        self._stop, self._scanning = threading.Event(), threading.Lock()
        self.scanned = threading.Event()
        """All folders have been looked through once, or will not be any more."""
        for folder in self._folders_to_look_through():
            with contextlib.suppress(OSError):  # one that may not be read
                for path in [folder] if is_model_folder(folder) else sorted(folder.iterdir()):
                    if is_model_folder(path):
                        self._take(path)

    @property
    def found(self) -> list[Found]:
        """Everything found until now beside the embedded model, readable or not."""
        return [found for _, found in list(self._found.values())]

    def of_kind(self, kind: Kind) -> dict[str, Found]:
        """Every readable model of a kind by the name it is asked for by, folders and single files alike, in the
        order they were found. Of two of one name the later one is called by its folder, too; of two that agree
        in that as well the first counts. The embedded model is not among them."""
        return _by_name(found for found in self.found if found.nature.kind == kind and not found.problem)

    @property
    def names(self) -> list[str]:
        """The name of every model that can be painted, the embedded one first."""
        return list(self._folders())

    def painted_as(self) -> dict[Path, str]:
        """The names of ``names``, by where each model is."""
        return {path: name for name, path in self._folders().items()}

    @property
    def scanning(self) -> bool:
        """Whether the folders are being looked through just now."""
        return self._scanning.locked()

    @property
    def controls(self) -> list[str]:
        """Every ControlNet's name, the embedded one first."""
        return list(self._controls())

    def control_folder(self, name: str) -> Path:
        """Where a ControlNet is, a folder or a file.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        controls = self._controls()
        if name not in controls:
            raise ModelUnavailable(f"There is no ControlNet of that name. There are: {', '.join(controls)}.")
        return controls[name]

    def tokenizer(self, name: str) -> Path | None:
        """The folder of the CLIP tokenizer by which a model reads its prompts; None where CLIP alone does not."""
        path = self._folders().get(EMBEDDED if name == EMBEDDED_QUICK else name)
        fitting = self.fitting(name)
        if path is None or fitting is None or not fitting.marks:
            return None
        return CLIP_TOKENIZER if path.is_file() else path / "tokenizer"

    def loras(self, prompt: str) -> tuple[Lora, ...]:
        """The LoRAs that a prompt's tags ask for, by the names of their files or as the web UI calls them.

        Raises:
            RequestRefused: if there is none of that name, or its file is gone.
        """
        there = self.of_kind(Kind.LORA)
        found = []
        for tag in lora_tags(prompt)[1]:
            if (lora := _asked_for(tag.name, there)) is None:
                known = f"There are: {', '.join(sorted(there))}." if there else "There are none here."
                raise RequestRefused("prompt", f"There is no LoRA of the name {tag.name!r}. {known}")
            path = lora.path
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                raise RequestRefused("prompt", f"The file of the LoRA {tag.name!r} is gone.") from None
            adapter = "lora_" + hashlib.sha256(f"{spelt(path)}{changed}".encode()).hexdigest()[:16]
            found.append(Lora(path, tag, adapter, of_weights(lora.header_hash)))
        return tuple(found)

    def vaes(self, model: str) -> list[str]:
        """The VAEs that may stand in the place of a model's own: of as many channels; none where it has another kind
        of autoencoder than people share."""
        own = read_json(self._vae_folder(model) / "config.json")
        if own.get("_class_name") != "AutoencoderKL":
            return []
        channels = own.get("latent_channels", 4)
        return [name for name, found in self.of_kind(Kind.VAE).items() if found.nature.channels == channels]

    def vae(self, model: str, name: str) -> VaeSource:
        """What a VAE is loaded from for a model.

        Raises:
            ModelUnavailable: if there is no such model.
            RequestRefused: if there is no such VAE, or it does not go with the model.
        """
        fitting = self.vaes(model)
        if name not in fitting:
            known = f"Choose one of {', '.join(fitting)}, or Automatic." if fitting else "Choose Automatic."
            there = name in self.of_kind(Kind.VAE)
            problem = f"The VAE {name!r} does not go with {model}" if there else f"There is no VAE of the name {name!r}"
            raise RequestRefused("vae", f"{problem}. {known}")
        return VaeSource(name, self.of_kind(Kind.VAE)[name].path, self._vae_folder(model))

    def _vae_folder(self, model: str) -> Path:
        """Where the configuration of a model's own autoencoder is."""
        source = self.source(model)
        if source.path.is_dir():
            return source.path / "vae"
        return (source.lender or PRESETS / "configs" / WHOLE_FILES.get(source.nature.family, "")) / "vae"

    def embeddings(self, prompts: Sequence[str]) -> list[Inversion]:
        """The textual inversions whose names stand in the prompts, but not in the tags of LoRAs there."""
        there, words = self.of_kind(Kind.TEXTUAL_INVERSION), [lora_tags(prompt)[0] for prompt in prompts]
        named = ((name, there[name].path) for name in named_in(words, list(there)))
        return [Inversion(name, path, of_weights(self.hashes.known(path))) for name, path in named]

    def native_side(self, name: str) -> int:
        """The side, in pixels, of the pictures a model was trained on; read from its
        configuration, without loading it."""
        fitting = self.fitting(name)
        if fitting is not None and fitting.side:
            return fitting.side
        source = self.source(name if name != EMBEDDED_QUICK else EMBEDDED)
        folder, nature = source.path, source.nature
        if folder.is_file():
            if nature.family == "SD 2.x" and (nature.prediction == "epsilon" or nature.inpainting):
                return 512  # the others of that family were trained at 768
            folder = PRESETS / "configs" / WHOLE_FILES.get(nature.family, "sd-1")
        sample = read_json(folder / "unet" / "config.json").get("sample_size", 64)
        levels = read_json(folder / "vae" / "config.json").get("block_out_channels", ()) or (1, 1, 1, 1)
        return int(sample) * 2 ** (len(levels) - 1)

    def fitting(self, name: str) -> Fitting | None:
        """The settings made for a model, or for its family; None where nobody knows."""
        if name in FITTING:
            return FITTING[name]
        path = self._folders().get(name)
        return next((FITTING.get(found.nature.family) for found in self.found if found.path == path), None)

    def known_as(self, name: str, short_hash: str = "") -> str:
        """What the model that a picture names is called here: by that name, or else one whose SHA-256, which must be
        known already, begins with these digits; empty where it is not here."""
        painted = self.painted_as()
        if name in painted.values() or not SHORT_HASH.fullmatch(short_hash):
            return name if name in painted.values() else ""
        known = (model for path, model in painted.items() if self.hashes.known(path).startswith(short_hash.lower()))
        return next(known, "")

    def edits(self, name: str) -> bool:
        """Whether a model looks at a picture while it paints from noise, instead of starting from it."""
        fitting = self.fitting(name)
        return fitting is not None and fitting.edits

    def folder(self, name: str) -> Path:
        """Where a model is.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        folders = self._folders()
        if name not in folders:
            raise ModelUnavailable(f"There is no model of that name. There are: {', '.join(folders)}.")
        return folders[name]

    def source(self, name: str) -> Source:
        """What a model is loaded from.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        path = self.folder(name)
        found = next((found for found in self.found if found.path == path), None)
        return Source(path) if found is None else Source(path, found.nature, nearest(path, lenders(found, self.found)))

    def check(self, request: GenerationRequest) -> None:
        """Accept a request whose models are all here and go together.

        Raises:
            ModelUnavailable: if a model or a ControlNet that it names is not here.
            RequestRefused: if a VAE or a LoRA is not, or it does not go with the model.
        """
        self.folder(request.model)
        fitting = self.fitting(request.model)
        if fitting is not None:
            limits.check_fits(request, fitting)
        if request.vae:
            self.vae(request.model, request.vae)
        self.loras(request.prompt)
        for unit in request.control:
            self.control_folder(unit.model)

    def has_all_of(self, request: GenerationRequest) -> bool:
        """Whether ``check`` accepts a request, and those of the runs that it branches from."""
        try:
            self.check(request)
        except StudioError:
            return False
        return request.branch is None or self.has_all_of(request.branch.request)

    def look_for(self, request: GenerationRequest) -> None:
        """Wait for the first look through the folders where a request names what only that finds."""
        if not self.scanned.is_set() and not self.has_all_of(request):
            self.scanned.wait()

    def lacking(self, found: Found) -> str:
        """Why nobody can paint with a checkpoint that was read, as a sentence; empty where one can."""
        return lacking(found, self.found)

    def rescan(self) -> None:
        """Look at what is new or has changed, and forget what is gone. Results appear as they come."""
        with self._scanning:
            there = set()
            for path, name in self._candidates():
                if self._stop.is_set():
                    return
                there.add(path)
                self._take(path, name)
            for path in self._found.keys() - there:
                del self._found[path]
            self.scanned.set()

    def watch(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Rescan in a thread of its own until ``close``; hash the files in another, which holds no scan up and
        stands aside while the machine is ``busy``."""
        threading.Thread(target=self._watch, name="library", daemon=True).start()
        threading.Thread(target=self._watch_hashes, args=[busy], name="hashes", daemon=True).start()

    def sha256(self, found: Found) -> str:
        """The SHA-256 of a single file as 64 digits; empty for a folder, and while it is not yet known."""
        return self.hashes.known(found.path)

    def hash_files(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Compute the SHA-256 of every readable single file that has none yet, one after the other, but not
        while the machine is ``busy``."""
        for found in self.found:
            if not found.problem and found.path.is_file():
                with contextlib.suppress(OSError):  # it is gone, or the disk is full: looked at again next time
                    self.hashes.compute(found.path, lambda: self._stopped(busy))

    def close(self) -> None:
        """End the watching."""
        self._stop.set()
        self.scanned.set()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.rescan()
            self._stop.wait(RESCAN_SECONDS)

    def _watch_hashes(self, busy: Callable[[], bool]) -> None:
        while not self._stop.is_set():
            self.hash_files(busy)
            self._stop.wait(RESCAN_SECONDS)

    def _stopped(self, busy: Callable[[], bool]) -> bool:
        """Whether to stop, said when nobody needs the machine."""
        while busy() and not self._stop.wait(BUSY_SECONDS):
            pass
        return self._stop.is_set()

    def _folders_to_look_through(self) -> list[Path]:
        return [folder for root in self._roots if root.is_dir() for folder in model_folders(root) if folder.is_dir()]

    def _candidates(self) -> Iterator[tuple[Path, str]]:
        for folder in self._folders_to_look_through():
            yield from ((path, "") for path in candidates(folder))
        if self._hub:
            yield from ((path, name) for name, path in hub_cache().items())

    def _take(self, path: Path, name: str = "") -> None:
        stamp = _stamp(path) + beside.stamp(path)
        if path not in self._found or self._found[path][0] != stamp:
            self._found[path] = (stamp, describe(path, name))

    def _controls(self) -> dict[str, Path]:
        own = {EMBEDDED_CONTROL: EMBEDDED_FOLDER / "controlnet"}
        there = (found for found in self.found if found.nature.kind == Kind.CONTROLNET and not found.problem)
        usable = (found for found in there if found.path.is_dir() or found.nature.family in WHOLE_FILES)
        return own | {name: found.path for name, found in _by_name(usable, taken=own).items()}

    def _folders(self) -> dict[str, Path]:
        """Folders by name, the embedded ones first."""
        embedded = {EMBEDDED: EMBEDDED_FOLDER, EMBEDDED_QUICK: EMBEDDED_FOLDER / "few-steps"}
        loadable = (it for it in self.found if it.paintable and (not it.borrows or lenders(it, self.found)))
        return embedded | {name: found.path for name, found in _by_name(loadable, taken=embedded).items()}


def _by_name(models: Iterable[Found], taken: Collection[str] = ()) -> dict[str, Found]:
    """Models by name. Of two of one name the later one is called by its parent, too."""
    named: dict[str, Found] = {}
    for found in models:
        known = found.name in named or found.name in taken
        named.setdefault(f"{found.name} ({found.path.parent.name})" if known else found.name, found)
    return named


def _asked_for(name: str, loras: Mapping[str, Found]) -> Found | None:
    """The LoRA that a tag means: the one of that file name, else the only one of that alias, else the one of that file
    name in another case."""
    aliased = [found for found in loras.values() if found.alias == name]
    in_any_case = (found for known, found in loras.items() if known.casefold() == name.casefold())
    return loras.get(name) or (aliased[0] if len(aliased) == 1 else next(in_any_case, None))


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a model does: bytes and time of the file, or of the folder's description."""
    for file in (path / "model_index.json", path / "config.json", path):
        try:
            told = file.stat()
        except OSError:
            continue
        return told.st_size, told.st_mtime_ns
    return 0, 0
