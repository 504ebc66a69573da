"""The errors that scott_core raises on purpose.

ScottError
├── InputError            the caller's input was bad: record the reason and go on
│   ├── UnreadableImage   the bytes are no image, or an image that is too large or too small
│   └── PairsError        a pairs file, a manifest or a pack does not fit its format
└── WeightsError          weights or their card are missing, damaged or of another architecture
"""

__all__ = ["InputError", "PairsError", "ScottError", "UnreadableImage", "WeightsError"]


class ScottError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(ScottError):
    """The caller's input was bad."""


class UnreadableImage(InputError):
    """An image could not be read; the message says why."""


class PairsError(InputError):
    """A pairs file, a manifest or a pack lacks a required field, or holds a value that is not allowed."""


class WeightsError(ScottError):
    """Weights or their card cannot be used; the message names the first keys that differ."""
