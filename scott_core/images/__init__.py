"""Images as files, as RGB, and as the letterboxed squares that a model sees. Training and inference share it.

An image is an RGB `PIL.Image`. `reader` makes one of a file: `metadata` first takes from the file what is not pixels,
so that it can refuse none, `jpeg_end` says whether a JPEG without an end lost pixels, `frames` chooses the frame of an
animation, and `colour` brings any mode and profile to sRGB. `letterbox` fits an image into the square.
"""

from scott_core.images.letterbox import Letterbox, to_batch
from scott_core.images.reader import MAX_PIXELS, MIN_SIDE, read_alpha, read_image

__all__ = ["MAX_PIXELS", "MIN_SIDE", "Letterbox", "read_alpha", "read_image", "to_batch"]
