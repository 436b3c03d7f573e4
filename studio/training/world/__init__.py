"""The world the embedded model learns: captioned scenes, drawn from a seed."""

from studio.training.world.scene import Scene, SceneDataset, draw, is_held_out, sample_scene

__all__ = ["Scene", "SceneDataset", "draw", "is_held_out", "sample_scene"]
