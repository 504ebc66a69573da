"""Chooses the frame of an animation (GIF, WebP, APNG, AVIF) that stands for it.

Many animations fade in from white, so the first frame may show nothing. Chosen is the first frame whose contrast is at
least half of the greatest: where the first frame shows the product, it is the first.
"""

from __future__ import annotations

from PIL import Image, ImageStat

from scott_core.images.colour import flattened

ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")  # the pages of a TIFF are no frames
MAX_FRAMES = 32  # looked at, from the first: one to three seconds of an animation (GIF: 10 to 30 a second)


def shown_frame(image: Image.Image, max_pixels: int) -> Image.Image:
    """`image`, loaded: at the chosen frame if it is animated.

    At most MAX_FRAMES frames, of `max_pixels` pixels together, are looked at. A later frame that cannot be decoded ends
    them.
    """
    if image.format not in ANIMATED or not getattr(image, "is_animated", False):
        image.load()
        return image
    contrasts: list[float] = []
    for number in range(max(1, min(MAX_FRAMES, max_pixels // (image.width * image.height)))):
        try:
            image.seek(number)
            contrasts.append(_contrast(image))
        except Exception:  # EOFError after the last frame; damage is of many types
            if number == 0:
                raise
            break
    image.seek(next(number for number, contrast in enumerate(contrasts) if contrast >= max(contrasts) / 2))
    image.load()
    return image


def _contrast(image: Image.Image) -> float:
    """The standard deviation of the grey levels."""
    return ImageStat.Stat(flattened(image).convert("L")).stddev[0]
