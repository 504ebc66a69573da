"""Rendered and drawn objects of our own: toys and printed cartons, each determined by its seed."""
