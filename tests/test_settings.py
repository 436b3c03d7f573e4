"""Settings: arguments first, then the environment, then defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studio import Settings


def test_arguments_win_over_the_environment_and_that_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_arguments([]) == Settings()
    monkeypatch.setenv("STEPWISE_CONCURRENCY", "2")
    monkeypatch.setenv("STEPWISE_OUTPUTS", "elsewhere")
    assert Settings.from_arguments([]).concurrency == 2
    given = Settings.from_arguments(["--concurrency", "3", "--models", "mine", "--models", "yours"])
    assert (given.concurrency, given.outputs, given.models) == (3, Path("elsewhere"), (Path("mine"), Path("yours")))


def test_every_switch_has_its_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings.from_arguments(["--no-provenance", "--no-previews", "--open"])
    assert (given.provenance, given.previews, given.open_browser) == (False, False, True)
    for name, value in {"PROVENANCE": "0", "PREVIEWS": "0", "OPEN_BROWSER": "1"}.items():
        monkeypatch.setenv(f"STEPWISE_{name}", value)
    assert Settings.from_arguments([]) == given


def test_a_space_listens_where_it_is_told_and_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7861")
    settings = Settings.from_arguments([])
    assert (settings.host, settings.port, settings.public) == ("0.0.0.0", 7861, True)
    assert not Settings().public
    assert Settings(share=True).public


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory-mb", "0"),
        ("steps-disk-mb", "0"),
        ("concurrency", "0"),
        ("concurrency", "-1"),
        ("concurrency", "two"),
        ("port", "-1"),
        ("quota-mb", "-5"),
        ("quota-per-owner-mb", "-5"),
        ("link-hours", "0"),
        ("link-hours", "nan"),
        ("model-memory-gb", "0"),
    ],
)
def test_values_that_make_no_sense_are_refused_with_a_sentence(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Settings.from_arguments([f"--{name}={value}"])
    assert re.search(f"argument --{name}: '{value}' is no .*number", capsys.readouterr().err)
    monkeypatch.setenv(f"STEPWISE_{name.replace('-', '_').upper()}", value)
    with pytest.raises(SystemExit):
        Settings.from_arguments([])


@pytest.mark.parametrize("words", ["secret", "ada:", ":secret", ":"])
def test_half_a_login_is_refused_and_not_repeated(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Settings.from_arguments([f"--password={words}", "--open-access"])
    assert "argument --password: write user:password" in (said := capsys.readouterr().err)
    assert "secret" not in said.replace("user:password", "")
    monkeypatch.setenv("STEPWISE_PASSWORD", words)
    with pytest.raises(SystemExit):
        Settings.from_arguments([])
    monkeypatch.setenv("STEPWISE_PASSWORD", "")
    assert Settings.from_arguments([]).password == ""
    assert Settings.from_arguments(["--password", "ada:let:me in"]).password == "ada:let:me in"


def test_no_limit_is_a_quota() -> None:
    assert Settings.from_arguments(["--quota-mb", "0", "--quota-per-owner-mb", "0", "--port", "0"]).quota_mb == 0
