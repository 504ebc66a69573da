"""The labelling configuration asks what an import understands."""

from __future__ import annotations

from xml.etree import ElementTree

from jobs.audit.verdicts import VERDICT_NAMES
from jobs.review.labelling import ANSWER, CHOICES, CONFIG, LABEL, MASKS, PREDICTED


def test_the_configuration_has_the_controls_and_choices_of_an_import() -> None:
    view = ElementTree.fromstring(CONFIG)
    (answer,) = view.iter("Choices")
    assert answer.attrib["name"] == ANSWER
    assert answer.attrib["required"] == "true"
    assert [choice.attrib["value"] for choice in answer] == list(CHOICES)
    assert {brush.attrib["name"]: brush.attrib["toName"] for brush in view.iter("BrushLabels")} == MASKS
    assert {label.attrib["value"] for label in view.iter("Label")} == {LABEL}
    assert {image.attrib["value"] for image in view.iter("Image")} == {"$image_a", "$image_b", "$overview"}
    assert set(PREDICTED) == set(VERDICT_NAMES)
    assert {said for said in PREDICTED.values() if said} < set(CHOICES)
