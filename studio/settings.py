"""What can be set when Stepwise is started: arguments first, then environment, then defaults."""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Frozen for the life of the process. Environment names are STEPWISE_ and the field's name."""

    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    password: str = ""
    open_access: bool = False
    """Whether anybody who has the address may paint, without a link."""
    behind_proxy: bool = False
    """Whether requests come through a reverse proxy: then a loopback address is not the owner's."""
    root_path: str = ""
    """The path the proxy serves the page under, such as /stepwise, or its whole address."""
    link_hours: float = 168
    """How long a link for artists is good."""
    outputs: Path = Path("outputs")
    models: tuple[Path, ...] = ()
    """Folders in which models are looked for, beside the embedded one and the Hugging Face cache."""
    wildcards: Path | None = None
    """Folder of text files that prompts choose from, beside ``wildcards`` in the outputs and models' programs."""
    styles: Path | None = None
    """File of styles, beside those that are shipped and ``styles.csv`` in the outputs and in the models' programs."""
    concurrency: int = 4
    """Runs painted at once, their steps joined where they fit."""
    queue_size: int = 64
    queue_per_owner: int = 16
    memory_mb: int = 1024
    """Megabytes that kept steps may take before older ones go to files."""
    steps_disk_mb: int = 20_480
    """Megabytes that these files may take before the runs not looked at for longest are forgotten."""
    most_runs: int = 1000
    """Runs whose steps are kept at all."""
    quota_mb: int | None = None
    """Megabytes that pictures may take in the folder of outputs, 0 for as many as fit; None for no
    limit at home and 20,480 on a public page."""
    quota_per_owner_mb: int = 2048
    """The same for each visitor's; not for whoever sits at this machine without a login."""
    provenance: bool = True
    """Whether pictures carry the standard mark (XMP) that they were made by a model."""
    device: str = "auto"
    precision: str = "auto"
    memory_plan: str = "auto"
    """How models are kept: one of ``memory.PLANS``."""
    model_memory_gb: float | None = None
    """Gigabytes that models may take; None for what is free."""
    previews: bool = True
    api: bool = False
    """Whether programs that speak to the AUTOMATIC1111 web UI are answered at /sdapi/v1/."""
    open_browser: bool = False

    @property
    def public(self) -> bool:
        """Whether others than the person at this machine can reach the page."""
        return self.share or self.behind_proxy or bool(self.space) or self.host not in LOOPBACK

    @property
    def model_bytes(self) -> int | None:
        """The memory that models may take; None for what is free."""
        return None if self.model_memory_gb is None else int(self.model_memory_gb * 2**30)

    @property
    def space(self) -> str:
        """The Hugging Face Space this runs as, ``name/space``; empty elsewhere."""
        return os.environ.get("SPACE_ID", "")

    @property
    def space_login(self) -> bool:
        """Whether that Space has its login switched on (``hf_oauth``)."""
        return bool(self.space and os.environ.get("OAUTH_CLIENT_ID"))

    @classmethod
    def from_arguments(cls, arguments: list[str] | None = None) -> Settings:
        """Settings from command-line arguments, with the environment below them."""
        parser = argparse.ArgumentParser("stepwise", description="Watch a picture come out of noise, step by step.")
        add, env, switch = parser.add_argument, _environment, partial(_switch, parser)
        add("--host", default=env("host", os.environ.get("GRADIO_SERVER_NAME", cls.host)), help="address to listen on")
        add("--port", type=_whole, default=env("port", os.environ.get("GRADIO_SERVER_PORT", cls.port)), help="0: any")
        switch("share", "open a public Gradio link")
        add("--password", type=_login, default=env("password", cls.password), help="user:password the page asks for")
        switch("open-access", "let anybody in, no link")
        switch("behind-proxy", "a reverse proxy serves it")
        add("--root-path", default=env("root_path", ""), help="path a reverse proxy serves the page under")
        add(
            "--link-hours", type=_more, default=env("link_hours", cls.link_hours), help="how long a shared link is good"
        )
        add("--outputs", type=Path, default=Path(env("outputs", cls.outputs)), help="folder for finished pictures")
        add(
            "--models", type=_paths, action="extend", help="folder in which you keep models; may be given several times"
        )
        add("--wildcards", type=_path, default=env("wildcards", ""), help="folder with wildcards for prompts")
        add("--styles", type=_path, default=env("styles", ""), help="file of styles (styles.csv)")
        add("--concurrency", type=_count, default=env("concurrency", cls.concurrency), help="runs painted at once")
        add("--memory-mb", type=_count, default=env("memory_mb", cls.memory_mb), help="memory for kept steps")
        disk = env("steps_disk_mb", cls.steps_disk_mb)
        add("--steps-disk-mb", type=_count, default=disk, help="disk for kept steps beyond that memory")
        add("--quota-mb", type=_number, default=env("quota_mb", ""), help="disk for all pictures, 0 for no limit")
        add("--quota-per-owner-mb", type=_whole, default=env("quota_per_owner_mb", cls.quota_per_owner_mb), help="each")
        switch("provenance", "mark in the pictures that a model made them")
        add("--device", default=env("device", cls.device), help="auto, cpu, cuda or mps")
        add("--precision", default=env("precision", cls.precision), help="auto, fp32, bf16 or fp16")
        add(
            "--memory-plan",
            default=env("memory_plan", cls.memory_plan),
            help="auto, whole, aside, fp8, int8, nf4 or streamed",
        )
        add("--model-memory-gb", type=_decimal, default=env("model_memory_gb", ""), help="memory models may take")
        switch("previews", "a preview at every step")
        switch("api", "answer programs at /sdapi/v1/, as the web UI does")
        switch("open", "open the page in the browser", field="open_browser")
        given = vars(parser.parse_args(arguments))
        return cls(**given | {"models": tuple(given["models"] or _paths(env("models", "")))})


def _switch(parser: argparse.ArgumentParser, name: str, help: str, field: str = "") -> None:
    """``--name`` and ``--no-name`` for a field that is true or false, and 1 or 0 in the environment."""
    field = field or name.replace("-", "_")
    default = (_environment(field, "") or str(int(getattr(Settings, field)))) == "1"
    action = argparse.BooleanOptionalAction
    parser.add_argument(f"--{name}", dest=field, action=action, default=default, help=help)


def _whole(text: str, least: int = 0) -> int:
    if not text.strip().isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
    return int(text)


def _count(text: str) -> int:
    return _whole(text, 1)


def _more(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _login(text: str) -> str:
    """Both or nothing: with half of it the page would ask for none. The words are not repeated, as others may read."""
    user, _, password = text.partition(":")
    if text and not (user and password):
        raise argparse.ArgumentTypeError("write user:password, a name and a password with a colon between them")
    return text


def _number(text: str) -> int | None:
    return _whole(text) if text else None


def _decimal(text: str) -> float | None:
    return _more(text) if text else None


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _paths(text: str) -> list[Path]:
    """Paths as PATH joins them: with a colon, on Windows with a semicolon."""
    return [Path(part).expanduser() for part in text.split(os.pathsep) if part]


def _environment(name: str, default: object) -> str:
    return os.environ.get(f"STEPWISE_{name.upper()}", str(default))
