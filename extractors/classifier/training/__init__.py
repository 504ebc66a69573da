"""Fits the classifier: drawn graphics, photographs as reports show them, and the training run that writes classes.json.

Nothing here runs when a document is read.
"""
