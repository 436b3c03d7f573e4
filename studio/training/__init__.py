"""How the embedded model was made: its world, its autoencoder, its denoiser, its evaluation."""
