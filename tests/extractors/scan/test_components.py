"""Components by contours are those that OpenCV labels pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.scan.components import component_boxes, without_larger


def _labelled(mask: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The label of each pixel, and (x, y, width, height) of each label."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return np.asarray(label, np.int32), np.asarray(stats[:, :4], np.int32)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.4, 0.6, 0.9])
def test_components_are_those_of_labels(share: float) -> None:
    mask = (np.random.default_rng(round(100 * share)).random((90, 120)) < share).astype(np.uint8)
    label, sides = _labelled(mask)
    boxes = [(x, y, x + width, y + height) for x, y, width, height in sides[1:].tolist()]
    assert sorted(component_boxes(mask)) == sorted(boxes)
    small = (sides[:, 2] <= 7) & (sides[:, 3] <= 4)
    small[0] = False
    assert np.array_equal(without_larger(mask, 7, 4), small[label])


def test_a_component_in_the_hole_of_another_is_one() -> None:
    mask = np.zeros((60, 60), np.uint8)
    for half, value in ((25, 1), (20, 0), (15, 1), (10, 0), (5, 1)):
        mask[30 - half : 30 + half, 30 - half : 30 + half] = value
    assert sorted(component_boxes(mask)) == [(5, 5, 55, 55), (15, 15, 45, 45), (25, 25, 35, 35)]
    assert without_larger(mask, 40, 20).sum() == 100


def test_an_empty_mask_has_none() -> None:
    assert component_boxes(np.zeros((5, 5), np.uint8)) == []
