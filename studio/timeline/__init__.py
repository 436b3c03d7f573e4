"""Steps kept: what a run remembers of its way from noise to picture."""
