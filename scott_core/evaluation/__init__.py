"""From scores to measures (paper, section 5): metrics, calibration, released cards, tables and figures of the paper."""
