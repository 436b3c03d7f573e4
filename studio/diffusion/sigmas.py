"""Schedule types: at which noise levels a sampler stops on its way from noise to picture.

Each function takes the sigmas a model was trained on, one for each training timestep in rising
order, and a number of steps n, and gives n falling sigmas; the samplers add the final 0.
Sigma is noise over signal, sqrt((1 - alpha_bar) / alpha_bar) (Karras et al. 2022,
https://arxiv.org/abs/2206.00364), the variable k-diffusion and the AUTOMATIC1111 web UI use.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Sigmas = NDArray[np.float64]
Schedule = Callable[[Sigmas, int], Sigmas]


def of_alphas(alphas_cumprod: NDArray[np.float32]) -> Sigmas:
    """Sigmas of a variance-preserving model, from its cumulative products of alpha."""
    alphas = alphas_cumprod.astype(np.float64)
    result: Sigmas = np.sqrt((1 - alphas) / alphas)
    return result


def to_timestep(sigma: Sigmas, trained: Sigmas) -> Sigmas:
    """The (fractional) training timestep of each sigma, linear in log sigma between timesteps."""
    result: Sigmas = np.interp(np.log(sigma), np.log(trained), np.arange(len(trained), dtype=np.float64))
    return result


def of_timestep(timestep: Sigmas, trained: Sigmas) -> Sigmas:
    """The sigma at a (fractional) timestep; the inverse of ``to_timestep``."""
    result: Sigmas = np.exp(np.interp(timestep, np.arange(len(trained), dtype=np.float64), np.log(trained)))
    return result


def uniform(trained: Sigmas, steps: int) -> Sigmas:
    """Timesteps evenly from the last to the first (k-diffusion, ``get_sigmas``)."""
    return of_timestep(np.linspace(len(trained) - 1, 0, steps), trained)


def karras(trained: Sigmas, steps: int, rho: float = 7.0) -> Sigmas:
    """Karras et al. 2022, equation 5, with rho = 7."""
    ramp = np.linspace(0, 1, steps)
    least, most = trained[0] ** (1 / rho), trained[-1] ** (1 / rho)
    result: Sigmas = (most + ramp * (least - most)) ** rho
    return result


def exponential(trained: Sigmas, steps: int) -> Sigmas:
    """Evenly in log sigma."""
    result: Sigmas = np.exp(np.linspace(np.log(trained[-1]), np.log(trained[0]), steps))
    return result


def polyexponential(trained: Sigmas, steps: int, rho: float = 1.0) -> Sigmas:
    """A polynomial in log sigma; with rho = 1, the web UI's setting, the exponential one."""
    ramp = np.linspace(1, 0, steps) ** rho
    least, most = np.log(trained[0]), np.log(trained[-1])
    result: Sigmas = np.exp(ramp * (most - least) + least)
    return result


def sgm_uniform(trained: Sigmas, steps: int) -> Sigmas:
    """Timesteps evenly, stopping one stride above the first (Stability's generative-models)."""
    return of_timestep(np.linspace(len(trained) - 1, 0, steps + 1)[:-1], trained)


def kl_optimal(trained: Sigmas, steps: int) -> Sigmas:
    """Evenly in arctan sigma (Sabour et al. 2024, "Align Your Steps", appendix,
    https://arxiv.org/abs/2404.14507)."""
    ramp = np.linspace(0, 1, steps)
    result: Sigmas = np.tan(ramp * np.arctan(trained[0]) + (1 - ramp) * np.arctan(trained[-1]))
    return result


def simple(trained: Sigmas, steps: int) -> Sigmas:
    """Every (1000 / n)-th training sigma, counted from the last (ComfyUI's and the web UI's)."""
    stride = len(trained) / steps
    return trained[[-(1 + int(index * stride)) for index in range(steps)]].copy()


def beta(trained: Sigmas, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Sigmas:
    """Quantiles of a beta distribution (Lee et al. 2024, "Beta Sampling is All You Need",
    https://arxiv.org/abs/2407.12173), in sigma as the web UI has it."""
    quantiles = stats.beta.ppf(1 - np.linspace(0, 1, steps), alpha, beta)
    result: Sigmas = trained[0] + quantiles * (trained[-1] - trained[0])
    return result


SCHEDULES: dict[str, Schedule] = {
    "Uniform": uniform,
    "Karras": karras,
    "Exponential": exponential,
    "Polyexponential": polyexponential,
    "SGM Uniform": sgm_uniform,
    "KL Optimal": kl_optimal,
    "Simple": simple,
    "Normal": uniform,
    "Beta": beta,
}
"""By the label of the menu. "Normal" is the web UI's second name for what it calls "Uniform"."""


def midway(schedule: Schedule, sigma: float, kept: int) -> Schedule:
    """The schedule of a solver that takes over at ``sigma`` after ``kept`` steps of another: the
    steps left are spread by ``schedule`` from there; those before only keep the count."""

    def spread(trained: Sigmas, steps: int) -> Sigmas:
        if sigma > trained[0] * 1.05:
            top = to_timestep(np.array(sigma), trained)
            below = of_timestep(np.linspace(0, top, len(trained)), trained)
        else:
            below = np.geomspace(sigma / 10, sigma, len(trained))
        before = np.geomspace(max(trained[-1], sigma) * 1.01, sigma, kept + 1)[:-1]
        return np.concatenate([before, schedule(below, steps - kept)])

    return spread
