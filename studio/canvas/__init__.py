"""What a person brings or draws, made ready for a model, and put back where it belongs."""
