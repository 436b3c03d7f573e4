"""The world the embedded model learns: captioned scenes, drawn from a seed."""

from studio.training.world.dataset import SceneDataset, sample_scene
from studio.training.world.drawing import draw
from studio.training.world.edition import CPU, EDITIONS, FIRST, FULL, Edition
from studio.training.world.scene import Scene, is_held_out

__all__ = [
    "CPU",
    "EDITIONS",
    "FIRST",
    "FULL",
    "Edition",
    "Scene",
    "SceneDataset",
    "draw",
    "is_held_out",
    "sample_scene",
]
