"""The cost of a pair: what `scott bench` measures, and its report."""
