"""What errors say to visitors."""

from __future__ import annotations

import pytest

from studio.errors import said


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no config.json found in directory /home/ada/models/x."), "no config.json found in directory x."),
        (ValueError("'/home/ada lovelace/m/x.safetensors' is none"), "'x.safetensors' is none"),
        (ValueError(r"No such file: C:\Users\ada\x.txt"), "No such file: x.txt"),
        (FileNotFoundError(2, "No such file or directory", "/home/ada/x"), "No such file or directory"),
        (ValueError("see https://huggingface.co/x/y, text/encoder"), "see https://huggingface.co/x/y, text/encoder"),
    ],
)
def test_folders_of_the_machine_are_left_out(error: Exception, expected: str) -> None:
    assert said(error) == expected
