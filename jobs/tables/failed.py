"""A failure as a value; the column `error` of a table holds it as `reason: detail`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failed:
    """The reason for which an image was not read or a pair was not scored, and in words what happened."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    @classmethod
    def from_column(cls, error: str | None) -> Failed | None:
        """The failure that a column `error` holds; None where the column is null."""
        if error is None:
            return None
        reason, _, detail = error.partition(": ")
        return cls(reason, detail)
