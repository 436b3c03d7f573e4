"""One denoising run: samplers, sigmas, the two seams, joining of calls, previews."""
