"""Fitting a baseline: its threshold is written with four digits and still calls its pair a match."""

import numpy as np

from scott_core.evaluation.fit_baselines import rounded_threshold


def test_a_rounded_threshold_keeps_the_score_that_it_was_chosen_at() -> None:
    label, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.61239, 0.9])
    assert rounded_threshold(label, score) == 0.6123
