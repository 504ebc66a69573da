"""Drawn codes are read by OpenCV's readers, which are independent of our encoders."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.classifier.training import codes


def test_drawn_barcodes_are_what_a_reader_reads() -> None:
    """OpenCV's readers are independent of our encoders."""
    for digits in ([4, 0, 0, 6, 3, 8, 1, 3, 3, 3, 9, 3], [9, 7, 8, 0, 2, 0, 1, 3, 7, 9, 6, 2]):
        row = np.array([255 * (bit == "0") for bit in codes.ean13(digits)], np.uint8)
        read = set()
        for module in (2, 3, 4):  # its detector misses some sizes
            bars = np.repeat(np.repeat(row[None], 60 * module, axis=0), module, axis=1)
            page = cv2.GaussianBlur(np.pad(bars, 60, constant_values=255), (0, 0), 0.7)
            read.add(cv2.barcode.BarcodeDetector().detectAndDecode(np.repeat(page[..., None], 3, axis=2))[0][:-1])
        assert read - {""} == {"".join(map(str, digits))}
    rng = np.random.default_rng(2)
    read = [cv2.QRCodeDetector().detectAndDecode(codes.qr_code(rng))[0] for _ in range(5)]
    assert sum(text.startswith("https://") for text in read) >= 4
