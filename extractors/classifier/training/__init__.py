"""How classes.json is made: drawn graphics, photographs as reports show them, and the fit.

Nothing here runs when a document is read.
"""
