"""Errors with a code for programs and a sentence for people that says what to change."""

import re

QUOTED = re.compile(r"""(?<=['"])(?:[A-Za-z]:)?[\\/][^'"\n]*[\\/]""")
BARE = re.compile(r"""(?<![\w.:\\/-])(?:[A-Za-z]:)?[\\/](?:[^\\/\s'"]+[\\/])+""")
"""The folders of an absolute path; in quotes they may have spaces in their names."""


def said(error: Exception) -> str:
    """What an error says, without the folders of this machine, for a sentence that visitors may read: of a path its
    last part stays."""
    return getattr(error, "strerror", None) or BARE.sub("", QUOTED.sub("", str(error)))


class StudioError(Exception):
    """An error a person can act on. ``code`` is stable, ``str(error)`` is the sentence."""

    code = "studio"


class RequestRefused(StudioError):
    """The request is outside the limits; no model was touched."""

    code = "request"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class QueueFull(StudioError):
    """Too many jobs wait already."""

    code = "queue_full"


class ModelUnavailable(StudioError):
    """The model is not there, or could not be loaded."""

    code = "model"


class OutOfMemory(StudioError):
    """The device ran out of memory."""

    code = "out_of_memory"


class NotANumber(StudioError):
    """The model answered NaN or infinity."""

    code = "not_a_number"


class GenerationFailed(StudioError):
    """The model or the sampler failed in some other way."""

    code = "failed"


class NotSaved(StudioError):
    """A picture or a request could not be written down; there is nothing of it."""

    code = "not_saved"


class QuotaReached(StudioError):
    """There is no room for further pictures."""

    code = "quota"


class UnreadablePicture(StudioError):
    """A file that was offered as a picture is none we can read."""

    code = "picture"


class UnreadableRun(StudioError):
    """A file that was offered as a saved run is none we can read."""

    code = "run_file"


class NothingToBranch(StudioError):
    """There is no such step to go on from, or nothing left to paint after it."""

    code = "branch"


class UnreadableStyles(StudioError):
    """A file of styles is none we can read."""

    code = "styles"


class WeightsMissing(StudioError):
    """Weights must be downloaded first."""

    code = "weights"


class OverAllowance(StudioError):
    """More than what the owner of the studio lets one person have painted."""

    code = "allowance"


class UnreadableModel(StudioError):
    """A file that was found where models lie is none we can read."""

    code = "model_file"
