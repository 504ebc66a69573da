"""The evidence sheet: a pair side by side, each co-salient region tinted and outlined, with verdict and score."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scott_core.match import Match

HEIGHT, GAP, CAPTION = 320, 8, 28  # pixels
_TINT = (0, 160, 80)


def draw_match(image_a: Image.Image, image_b: Image.Image, match: Match) -> Image.Image:
    """The catalogue image on the left, the document image on the right, both HEIGHT pixels tall, under a caption."""
    panels = [_marked(image_a, match.mask_a, match.alpha), _marked(image_b, match.mask_b, match.alpha)]
    width = sum(panel.width for panel in panels) + GAP
    sheet = Image.new("RGB", (max(width, 320), HEIGHT + CAPTION), "white")
    sheet.paste(panels[0], (0, CAPTION))
    sheet.paste(panels[1], (panels[0].width + GAP, CAPTION))
    words = f"{'match' if match.is_match else 'no match'}  {match.score:.3f}   catalogue | document"
    ImageDraw.Draw(sheet).text((6, 5), words, fill="black", font=ImageFont.load_default(15))
    return sheet


def panel(image: Image.Image) -> Image.Image:
    """The image as a sheet shows it: HEIGHT pixels tall and at most three times as wide."""
    width = min(max(1, round(image.width * HEIGHT / image.height)), 3 * HEIGHT)
    return image.resize((width, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _marked(image: Image.Image, mask: NDArray[np.float32], alpha: float) -> Image.Image:
    """The panel of an image, with the region where `mask` > alpha marked."""
    resized = panel(image)
    region = Image.fromarray((mask > alpha).astype(np.uint8) * 255).resize(resized.size, Image.Resampling.BILINEAR)
    region = region.point(lambda value: 255 if value > 127 else 0)
    outline = Image.fromarray(cv2.dilate(np.asarray(region), np.ones((5, 5), np.uint8)) ^ np.asarray(region))
    tinted = Image.composite(Image.blend(resized, Image.new("RGB", resized.size, _TINT), 0.18), resized, region)
    return Image.composite(Image.new("RGB", resized.size, _TINT), tinted, outline)
