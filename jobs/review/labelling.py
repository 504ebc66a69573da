"""The labelling configuration of Label Studio: the paper's annotation protocol (section 3.1) on one page.

A person says whether the two images of a pair show the same object, and where they do marks it in both. The page shows
the product's other images below, because a verdict is about the product: where none of the documents' images shows it,
the answer is `no match`, and where another one does, `match elsewhere`.
"""

from __future__ import annotations

from typing import NamedTuple

from jobs.tables.schemas import Answer, VerdictName

ANSWER = "answer"  # the name of the control that holds the answer
MASKS = {"mask_a": "image_a", "mask_b": "image_b"}  # brush, and the image that it marks
LABEL = "object"


class Said(NamedTuple):
    """The meaning of a choice: for the product, and for the pair of images that is shown."""

    product: Answer
    pair: Answer


CHOICES: dict[str, Said] = {
    "match": Said("match", "match"),
    "no match": Said("no_match", "no_match"),
    "ambiguous": Said("ambiguous", "ambiguous"),
    "match elsewhere": Said("match", "no_match"),
}
PREDICTED: dict[VerdictName, str | None] = {"match": "match", "no_match": "no match", "undecided": None}

CONFIG = """\
<View>
  <Header value="$product_id  $title"/>
  <View style="display: flex; gap: 12px">
    <View style="flex: 1">
      <Header size="5" value="Catalogue image"/>
      <BrushLabels name="mask_a" toName="image_a"><Label value="object" background="#1f9d55"/></BrushLabels>
      <Image name="image_a" value="$image_a" zoom="true" zoomControl="true"/>
    </View>
    <View style="flex: 1">
      <Header size="5" value="Image of the document (page $page)"/>
      <BrushLabels name="mask_b" toName="image_b"><Label value="object" background="#1f9d55"/></BrushLabels>
      <Image name="image_b" value="$image_b" zoom="true" zoomControl="true"/>
    </View>
  </View>
  <Header size="5" value="Do both show the same object?"/>
  <Choices name="answer" toName="image_a" choice="single" required="true" showInline="true">
    <Choice value="match" hint="They do: mark it in both images"/>
    <Choice value="no match" hint="No image of the documents shows the product, see below"/>
    <Choice value="ambiguous" hint="Of one kind, and hard to say"/>
    <Choice value="match elsewhere" hint="These two do not, but another image of the documents shows the product"/>
  </Choices>
  <Header size="5" value="All images of the product: the catalogue's above the line, the documents' below it"/>
  <Image name="overview" value="$overview"/>
</View>
"""
