"""Drawings of the classes barcode and qr_code: EAN-13 and Code 128 in their real encodings, QR codes by OpenCV.

Codes of the form of a PDF417 and a DataMatrix have the patterns by which these are seen, and random modules inside.
"""

from __future__ import annotations

import cv2
import numpy as np

from extractors.classifier.training.canvas import Rng, sometimes_on_paper, word, words, write
from extractors.model import Pixels

_EAN_LEFT = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
_EAN_PARITY = ("AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA", "ABBABA")
_CODE128 = (  # widths of bars and spaces of the values 0 to 105
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221"
    "223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321"
    "112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131"
    "311123311321331121312113312311332111314111221411431111111224111422121124121421141122141221112214112412122114"
    "122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214211232"
)


def barcode(rng: Rng) -> Pixels:
    """An EAN-13 or a Code 128, with or without its digits, upright or turned."""
    digits = [int(digit) for digit in rng.integers(0, 10, 13)]
    ean = rng.random() < 0.5
    modules = ean13(digits) if ean else code128([int(value) for value in rng.integers(0, 96, int(rng.integers(4, 16)))])
    module = int(rng.integers(1, 5))
    height = int(len(modules) * module * rng.uniform(0.12, 0.8))
    height = max(height, 30)
    row = np.repeat(np.array([0 if bit == "1" else 255 for bit in f"{'0' * 8}{modules}{'0' * 8}"], np.uint8), module)
    pixels = np.repeat(np.repeat(row[None, :, None], height, axis=0), 3, axis=2)
    if rng.random() < 0.75:
        size = int(np.clip(module * 8, 8, 32))
        band = np.full((size * 5 // 4, row.size, 3), 255, np.uint8)
        text = "".join(map(str, digits)) if ean else word(rng, 10) + word(rng, 10)
        write(band, text, (row.size // 6, 0), size)
        pixels = np.concatenate([pixels, band])
    if rng.random() < 0.3:
        head = np.full((30, row.size, 3), 255, np.uint8)
        write(head, words(rng, 3), (10, 6), 16)
        pixels = np.concatenate([head, pixels])
    pixels = np.pad(pixels, ((4, 4), (0, 0), (0, 0)), constant_values=255)
    if rng.random() < 0.15:
        pixels = np.ascontiguousarray(np.rot90(pixels))
    return sometimes_on_paper(rng, pixels, 0.25)


def stacked_barcode(rng: Rng) -> Pixels:
    """Rows of bars between the start and stop patterns of a PDF417."""
    rows, columns, module = int(rng.integers(4, 30)), int(rng.integers(2, 12)), int(rng.integers(1, 4))
    lines = []
    for _ in range(rows):
        inner = code128([int(value) for value in rng.integers(0, 96, columns)])[11:-13]
        lines.append(f"11111111010101000{inner}111111101000101001")
    bits = np.array([[0 if bit == "1" else 255 for bit in line] for line in lines], np.uint8)
    pixels = np.kron(bits, np.ones((module * int(rng.integers(2, 5)), module), np.uint8))
    pixels = np.repeat(np.pad(pixels, 4, constant_values=255)[..., None], 3, axis=2)
    return _enlarged(sometimes_on_paper(rng, pixels, 0.25))


def ean13(digits: list[int]) -> str:
    """The 95 modules of an EAN-13 of twelve digits and their check digit; "1" is dark (GS1 General Specifications)."""
    digits = [*digits[:12], -sum(digit * (1, 3)[place % 2] for place, digit in enumerate(digits[:12])) % 10]
    invert = str.maketrans("01", "10")
    left = "".join(
        _EAN_LEFT[digit] if parity == "A" else _EAN_LEFT[digit].translate(invert)[::-1]
        for digit, parity in zip(digits[1:7], _EAN_PARITY[digits[0]], strict=True)
    )
    right = "".join(_EAN_LEFT[digit].translate(invert) for digit in digits[7:])
    return f"101{left}01010{right}101"


def code128(values: list[int]) -> str:
    """The modules of a Code 128 (ISO/IEC 15417, start B) of `values` in [0, 102], with check value and stop."""
    check = (104 + sum(place * value for place, value in enumerate(values, 1))) % 103
    widths = "".join(_CODE128[6 * value : 6 * value + 6] for value in (104, *values, check)) + "2331112"
    return "".join("10"[place % 2] * int(width) for place, width in enumerate(widths))


def qr_code(rng: Rng) -> Pixels:
    """A QR code of a link, sometimes in colour, with a patch for a logo or with words under it."""
    encoder = cv2.QRCodeEncoder.create()
    text = f"https://{word(rng)}.com/" + "".join(word(rng) for _ in range(int(rng.integers(1, 30))))
    modules = np.asarray(encoder.encode(text), np.uint8)
    module = int(rng.integers(1, max(400 // modules.shape[0], 3)))
    pixels = np.repeat(np.kron(modules, np.ones((module, module), np.uint8))[..., None], 3, axis=2)
    side = pixels.shape[0]
    if rng.random() < 0.1:
        pixels[side * 2 // 5 : side * 3 // 5, side * 2 // 5 : side * 3 // 5] = rng.integers(0, 256, 3)
    if rng.random() < 0.2:
        ink = rng.integers(0, 120, 3)
        pixels = np.asarray(np.where(pixels < 128, ink, pixels), np.uint8)
    if rng.random() < 0.2:
        band = np.full((side // 6 + 12, side, 3), 255, np.uint8)
        write(band, words(rng, 2), (side // 8, 0), max(side // 12, 8))
        pixels = np.concatenate([pixels, band])
    return _enlarged(sometimes_on_paper(rng, pixels, 0.25))


def data_matrix(rng: Rng) -> Pixels:
    """Random modules between the solid L and the dotted edges of a DataMatrix."""
    side = int(rng.choice([12, 14, 16, 18, 20, 24, 32, 44]))
    grid = rng.random((side, side)) < 0.5
    grid[:, 0] = grid[-1] = True
    grid[0, ::2], grid[0, 1::2] = True, False
    grid[1::2, -1], grid[::2, -1] = True, False
    module = int(rng.integers(2, max(300 // side, 4)))
    quiet = np.pad(np.where(grid, 0, 255).astype(np.uint8), 2, constant_values=255)
    pixels = np.repeat(np.kron(quiet, np.ones((module, module), np.uint8))[..., None], 3, axis=2)
    return _enlarged(sometimes_on_paper(rng, pixels, 0.25))


def _enlarged(pixels: Pixels) -> Pixels:
    """The image with each pixel repeated until its shorter side is at least 80 px."""
    times = -(-80 // min(pixels.shape[:2]))
    return np.ascontiguousarray(np.repeat(np.repeat(pixels, times, axis=0), times, axis=1))
