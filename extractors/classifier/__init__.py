"""Tells the class of an image (photograph, logo, bar code, ...); training/ fits the classifier."""
