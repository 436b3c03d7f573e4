"""Every schedule type is the published formula, on Stable Diffusion's noise levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from studio.diffusion import sigmas
from studio.diffusion.sigmas import SCHEDULES
from studio.presets import AUTOMATIC
from studio.presets import SCHEDULES as OFFERED


def stable_diffusion() -> sigmas.Sigmas:
    """The trained sigmas of Stable Diffusion 1: "scaled_linear" betas from 0.00085 to 0.012."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return sigmas.of_alphas(np.cumprod(1 - betas).astype(np.float32))


TRAINED = stable_diffusion()
# Worked out with plain floats from the formulas of the papers and of k-diffusion, n = 10.
KNOWN = {
    "Uniform": [14.6146, 7.8399, 4.6092, 2.9183, 1.9502, 1.3449, 0.9324, 0.6250, 0.3687, 0.0292],
    "Normal": [14.6146, 7.8399, 4.6092, 2.9183, 1.9502, 1.3449, 0.9324, 0.6250, 0.3687, 0.0292],
    "Karras": [14.6146, 9.1029, 5.4784, 3.1686, 1.7494, 0.9141, 0.4469, 0.2014, 0.0819, 0.0292],
    "Exponential": [14.6146, 7.3249, 3.6712, 1.8400, 0.9222, 0.4622, 0.2317, 0.1161, 0.0582, 0.0292],
    "Polyexponential": [14.6146, 7.3249, 3.6712, 1.8400, 0.9222, 0.4622, 0.2317, 0.1161, 0.0582, 0.0292],
    "SGM Uniform": [14.6146, 8.3072, 5.0924, 3.3251, 2.2797, 1.6156, 1.1629, 0.8319, 0.5712, 0.3437],
    "KL Optimal": [14.6146, 4.2324, 2.3937, 1.5971, 1.1330, 0.8152, 0.5729, 0.3725, 0.1953, 0.0292],
    "Simple": [14.6146, 8.3028, 5.0878, 3.3211, 2.2765, 1.6129, 1.1606, 0.8299, 0.5693, 0.3417],
    "Beta": [14.6146, 13.9278, 12.4910, 10.5976, 8.4424, 6.2014, 4.0462, 2.1528, 0.7160, 0.0292],
}


def test_the_trained_sigmas_are_those_of_stable_diffusion() -> None:
    assert_allclose([TRAINED[-1], TRAINED[0]], [14.6146, 0.0292], atol=5e-5)


def test_every_schedule_on_offer_is_one_of_these() -> None:
    assert {AUTOMATIC, *SCHEDULES} == set(OFFERED)
    assert SCHEDULES.keys() == KNOWN.keys()


@pytest.mark.parametrize("label", SCHEDULES)
def test_ten_steps_have_the_known_values(label: str) -> None:
    assert_allclose(SCHEDULES[label](TRAINED, 10), KNOWN[label], atol=1e-4)


@pytest.mark.parametrize("label", SCHEDULES)
@given(steps=st.integers(1, 150))
def test_n_steps_fall_strictly_from_the_largest_sigma(label: str, steps: int) -> None:
    found = SCHEDULES[label](TRAINED, steps)
    assert found.shape == (steps,)
    assert found[0] == pytest.approx(TRAINED[-1])
    assert (np.diff(found) < 0).all()
    assert found[-1] > 0


@pytest.mark.parametrize("label", sorted(SCHEDULES.keys() - {"SGM Uniform", "Simple"}))
@given(steps=st.integers(2, 150))
def test_a_schedule_ends_at_the_smallest_sigma(label: str, steps: int) -> None:
    assert SCHEDULES[label](TRAINED, steps)[-1] == pytest.approx(TRAINED[0])


@given(steps=st.integers(3, 150))
def test_steps_are_even_in_what_each_formula_makes_even(steps: int) -> None:
    for even in (
        sigmas.karras(TRAINED, steps) ** (1 / 7),
        np.log(sigmas.exponential(TRAINED, steps)),
        np.arctan(sigmas.kl_optimal(TRAINED, steps)),
        sigmas.to_timestep(sigmas.uniform(TRAINED, steps), TRAINED),
        sigmas.to_timestep(sigmas.sgm_uniform(TRAINED, steps), TRAINED),
    ):
        assert_allclose(np.diff(even), even[1] - even[0], rtol=1e-6)


def test_simple_takes_training_sigmas_by_their_place_from_the_end() -> None:
    assert sigmas.simple(TRAINED, 3).tolist() == TRAINED[[999, 666, 333]].tolist()


def test_sgm_uniform_stops_one_stride_above_the_first_timestep() -> None:
    assert_allclose(sigmas.to_timestep(sigmas.sgm_uniform(TRAINED, 3), TRAINED), [999, 666, 333])


def test_a_larger_rho_bends_the_polyexponential_down() -> None:
    halfway = sigmas.polyexponential(TRAINED, 3, rho=2.0)[1]
    assert halfway == pytest.approx(TRAINED[0] ** 0.75 * TRAINED[-1] ** 0.25)


@given(st.floats(0, 999))
def test_a_timestep_comes_back_from_its_sigma(timestep: float) -> None:
    there = sigmas.of_timestep(np.array([timestep]), TRAINED)
    assert sigmas.to_timestep(there, TRAINED)[0] == pytest.approx(timestep, abs=1e-6)


@given(st.floats(float(TRAINED[0]), float(TRAINED[-1])))
def test_a_sigma_comes_back_from_its_timestep(sigma: float) -> None:
    there = sigmas.to_timestep(np.array([sigma]), TRAINED)
    assert sigmas.of_timestep(there, TRAINED)[0] == pytest.approx(sigma)


def test_a_trained_sigma_stands_at_its_whole_timestep() -> None:
    assert_allclose(sigmas.to_timestep(TRAINED, TRAINED), np.arange(1000))
