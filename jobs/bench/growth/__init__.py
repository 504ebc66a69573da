"""Cost by size: of `scott score` by its pairs, and of an audit by its products."""
