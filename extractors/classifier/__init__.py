"""The class of an image (photograph, logo, bar code, ...), and how the classifier is fitted."""
