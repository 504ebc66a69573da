"""Finds the JPEGs that a page shows as they are: they are decoded quickly, and kept without being encoded again."""
