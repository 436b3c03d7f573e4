"""Values of a payload, as the JSON has them: each is of its type, or refused by its name. Pure.

As in the web UI, null is what is left out, and a number without a fraction is whole. Bounds are for
``studio.limits`` to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.errors import RequestRefused

Payload = Mapping[str, Any]


def text(payload: Payload, name: str, default: str = "") -> str:
    """A text.

    Raises:
        RequestRefused: if it is none.
    """
    value = given(payload, name, default)
    if not isinstance(value, str):
        raise RequestRefused(name, f"{name} must be text.")
    return value


def number(payload: Payload, name: str, default: float) -> Any:
    """A number, whole where it has no fraction.

    Raises:
        RequestRefused: if it is none.
    """
    value = given(payload, name, default)
    if type(value) not in (int, float):
        raise RequestRefused(name, f"{name} must be a number.")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole(payload: Payload, name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds.

    Raises:
        RequestRefused: if it is none.
    """
    value = number(payload, name, default)
    if type(value) is not int or not least <= value <= most:
        raise RequestRefused(name, f"{name} must be a whole number from {least} to {most}.")
    return value


def flag(payload: Payload, name: str, default: bool) -> bool:
    """True or false, or 1 or 0.

    Raises:
        RequestRefused: if it is neither.
    """
    value = given(payload, name, default)
    if value not in (True, False):
        raise RequestRefused(name, f"{name} must be true or false.")
    return bool(value)


def texts(payload: Payload, name: str) -> tuple[str, ...]:
    """A list of texts.

    Raises:
        RequestRefused: if it is none.
    """
    value = given(payload, name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RequestRefused(name, f"{name} must be a list of texts.")
    return tuple(value)


def members(payload: Payload, name: str) -> Payload:
    """An object.

    Raises:
        RequestRefused: if it is none.
    """
    value = given(payload, name, {})
    if not isinstance(value, dict):
        raise RequestRefused(name, f"{name} must be an object.")
    return value


def choice(payload: Payload, name: str, choices: Sequence[str], default: str) -> str:
    """One of several, by its name in whatever case, or by its place among them.

    Raises:
        RequestRefused: if it is none of them.
    """
    value = given(payload, name, default)
    if type(value) is int and 0 <= value < len(choices):
        return choices[value]
    for each in choices:
        if isinstance(value, str) and value.strip().lower() == each.lower():
            return each
    numbered = ", ".join(f"{place} ({each})" for place, each in enumerate(choices))
    raise RequestRefused(name, f"{name} is one of: {numbered}.")


def given(payload: Payload, name: str, default: Any) -> Any:
    """What stands there as it is."""
    value = payload.get(name)
    return default if value is None else value
