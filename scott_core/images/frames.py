"""Chooses the frame of an animation (GIF, WebP, APNG, AVIF) that stands for it.

Many animations fade in from white, so the first frame may show nothing. Chosen is the first frame whose contrast is at
least half of the greatest: where the first frame shows the product, it is the first.
"""

from __future__ import annotations

from PIL import Image, ImageStat

from scott_core.images.colour import flattened

ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")  # the pages of a TIFF are no frames
MAX_FRAMES = 32  # looked at, from the first: one to three seconds of an animation (GIF: 10 to 30 a second)


def chosen_frame(image: Image.Image, max_pixels: int) -> int | None:
    """The number of the frame that stands for `image`, an open file; None where it is no animation, or too large.

    At most MAX_FRAMES frames, of `max_pixels` pixels together, are looked at. A later frame that cannot be decoded, or
    that enlarges the image (in GIF one can), ends them. The file is then at any of them: it is to be opened again.
    """
    if image.format not in ANIMATED or not getattr(image, "is_animated", False):
        return None
    size, at_most = image.size, min(MAX_FRAMES, max_pixels // (image.width * image.height))
    if at_most < 2:
        return None
    contrasts = [_contrast(image)]
    for number in range(1, at_most):
        try:
            image.seek(number)
            if image.size != size:
                break
            contrasts.append(_contrast(image))
        except Exception:  # noqa: BLE001 (EOFError after the last frame; damage is of many types)
            break
    return next(number for number, contrast in enumerate(contrasts) if contrast >= max(contrasts) / 2)


def _contrast(image: Image.Image) -> float:
    """The standard deviation of the grey levels."""
    return ImageStat.Stat(flattened(image).convert("L")).stddev[0]
