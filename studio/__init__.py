"""Stepwise: diffusion models whose denoising is the thing you look at.

from studio import GenerationRequest, Studio

with Studio() as studio:
    run = studio.submit(GenerationRequest(prompt="a cat on a rainy street at night", seed=7))
    for event in run:
        print(event)
    run.result.images[0].show()
"""

from studio.request import GenerationRequest
from studio.run import Run
from studio.settings import Settings
from studio.studio import Studio

__all__ = ["GenerationRequest", "Run", "Settings", "Studio"]
