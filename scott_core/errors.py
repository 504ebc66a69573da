"""Errors of the model's room.

ScottError
├── InputError            the caller's input was bad: record the reason, go on
│   ├── UnreadableImage   bytes that are no picture, or one too large or too small
│   └── PairsError        a pairs file, a manifest or a pack that does not fit
└── WeightsError          weights or their card are missing, damaged or of another architecture
"""

__all__ = ["InputError", "PairsError", "ScottError", "UnreadableImage", "WeightsError"]


class ScottError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(ScottError):
    """The caller's input was bad."""


class UnreadableImage(InputError):
    """A picture could not be read; the message says why."""


class PairsError(InputError):
    """A pairs file, a manifest or a pack lacks what it must have, or holds a value that is not allowed."""


class WeightsError(ScottError):
    """Weights or their card cannot be used; the message names the first keys that differ."""
