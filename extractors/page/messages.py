"""Messages of MuPDF about what it left out while it interpreted or painted a page.

MuPDF goes on after an error and says so only in its log of warnings. The log is one for the process.
"""

from __future__ import annotations

import re

import pymupdf

_HARMLESS = re.compile(  # messages about content that costs no image
    r"syntax error: (unknown keyword|cannot find (ExtGState|Font|Properties))|gstate underflow|\.\.\. repeated|"
    r"encountered syntax errors"
)
_ABOUT_TYPE = re.compile(  # messages about fonts and colour profiles: the page may look a little different
    r"(?i)(?!ignoring error).*(\bfont|glyph|\bFT_|cmap\b|tounicode|ICC\b|transfer function)|openjpeg warning"
)


def forget() -> None:
    """Drop the messages since the last call of any function of this module."""
    _messages()


def losses() -> list[str]:
    """The messages since the last call that mean that something of the page, perhaps an image, is missing."""
    return [line for line in _messages() if not _HARMLESS.match(line)]


def painting_faults() -> list[str]:
    """The messages since the last call after which a painted image may not be as it should be."""
    return [line for line in _messages() if not (_HARMLESS.match(line) or _ABOUT_TYPE.match(line))]


def _messages() -> list[str]:
    """The messages since the last call.

    Reading the log empties it. After a reset alone, MuPDF would count the same message as a repeat and not log it.
    """
    said: str = pymupdf.TOOLS.mupdf_warnings()
    return said.splitlines()
