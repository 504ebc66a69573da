"""From scores to measures (paper, section 5): metrics, calibration, model cards, the tables and figures of the paper."""
