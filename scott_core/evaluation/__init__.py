"""Evaluation (paper, section 5): metrics, calibration, released cards, and the tables and figures of the paper."""
