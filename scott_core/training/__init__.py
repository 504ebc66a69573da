"""Training: from labelled pairs to weights (paper, section 4.3)."""
