"""Traps in how an image is seen: transparency, optional content, paint under and over it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tests.extractors import pdfs
from tests.extractors.page.trap import BOX, IMAGES, OTHER, PHOTO, PLACE, PLAIN, TWO, TWO_IMAGES, Box, Page, Trap
from tests.extractors.page.traps_of_coding import OVAL

FORM = "/Type/XObject/Subtype/Form/BBox[0 0 320 300]"
GROUP = FORM + "/Group<</S/Transparency/I true/CS/DeviceRGB>>"
BACK = b".2 .5 .3 rg 60 120 120 100 re f "


def _states() -> dict[str, Trap]:
    """Graphics states, each set before the image is painted."""
    ramp = "/FunctionType 2/Domain[0 1]/C0[1]/C1[.2]/N 1"
    shading = "/ShadingType 2/ColorSpace/DeviceGray/Coords[60 0 180 0]/Function {ramp}"
    mask = (
        FORM + "/Group<</S/Transparency/CS/DeviceGray>>/Resources<</Shading<</H {shading}>>/ExtGState<</A<</ca .4>>>>>>"
    )
    soft = {
        "ramp": (ramp, None),
        "shading": (shading, None),
        "bright": (mask, b"/H sh"),
        "opaque": (mask, b"/A gs 0 g 60 120 120 50 re f 90 170 90 50 re f"),
    }

    def under(state: str, before: bytes = b"", box: Box = BOX) -> Trap:
        resources = f"{IMAGES}/ExtGState<</G<<{state}>>>>"
        return Trap((Page(before + b"/G gs " + PLACE, (box,)),), {**PLAIN, **soft}, resources, off_by=3.5)

    brightness = FORM + f"/Group<</S/Transparency/CS/DeviceGray>>/Resources<<{IMAGES}>>"
    beside = Trap(
        (
            Page(
                b"q /G gs q 120 0 0 100 60 120 cm /J Do Q Q q 119 0 0 100 181 120 cm /I Do Q",
                (BOX, (181, 80, 300, 180)),
            ),
        ),
        {**TWO, "mask": (brightness, PLACE)},
        f"{TWO_IMAGES}/ExtGState<</G<</SMask<</S/Luminosity/G {{mask}}>>>>>>",
        off_by=3.5,
    )
    return {
        "mask of an image that is shown, too": beside,
        "luminosity mask": under("/SMask<</S/Luminosity/G {bright}>>"),
        "alpha mask": under("/SMask<</S/Alpha/G {opaque}>>"),
        "multiply": under("/BM/Multiply", BACK),
        "half there": under("/ca .5"),
        "half there, on a colour": under("/ca .5", BACK),
    }


def _groups() -> dict[str, Trap]:
    form = (f"{GROUP}/Resources<<{IMAGES}>>", PLACE)
    cut_out = {
        "mask": (pdfs.image_dictionary(OVAL, "DeviceGray"), OVAL.tobytes()),
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/SMask {mask}"), PHOTO.tobytes()),
    }
    resources = "/XObject<</A {a}>>/ExtGState<</G<</ca .5>>>>"
    return {
        "group": Trap((Page(b"/A Do"),), {**PLAIN, "a": form}, resources, off_by=3.5),
        "group, half there": Trap((Page(b"/G gs /A Do"),), {**PLAIN, "a": form}, resources, off_by=3.5),
        "cut-out on a colour": Trap((Page(BACK + PLACE),), cut_out, off_by=3.5),
    }


def _layers() -> dict[str, Trap]:
    """Optional content."""
    groups = {
        "on": ("/Type/OCG/Name(on)", None),
        "off": ("/Type/OCG/Name(off)", None),
        "both": ("/Type/OCMD/OCGs[{on} {off}]/P/AllOn", None),
        "any": ("/Type/OCMD/OCGs[{on} {off}]/P/AnyOn", None),
        "not": ("/Type/OCMD/OCGs[{on} {off}]/P/AnyOff", None),
        "none": ("/Type/OCMD/OCGs[{on}]/P/AnyOff", None),
    }
    expressions: dict[str, tuple[str, tuple[Box, ...]]] = {  # by what they say: an expression, and what is shown
        "not on": ("[/Not {on}]", ()),
        "not off": ("[/Not {off}]", (BOX,)),
        "both": ("[/And {on} {off}]", ()),
        "one of both": ("[/Or {off} {on}]", (BOX,)),
        "neither": ("[/Not[/Or {off} {on}]]", ()),
        "one without the other": ("[/And {on}[/Not {off}]]", (BOX,)),
    }
    direct = {  # memberships that are no objects of their own: what is shown
        "<</Type/OCMD/OCGs[{on} {off}]/P/AllOn>>": (),
        "<</Type/OCMD/OCGs[{on}]/P/AnyOff>>": (),
        "<</Type/OCMD/OCGs[{on} {off}]/VE[/Not{on}]>>": (),
        "<</Type/OCMD/OCGs{on}/P/AllOff/VE[/Or{off}{on}]>>": (BOX,),
    }
    catalog = "/OCProperties<</OCGs[{on} {off}]/D<</OFF[{off}]>>>>"
    named = "/Properties<</On {on}/Off {off}/Both {both}/Any {any}/Not {not}/None {none}>>"

    def marked(name: bytes, boxes: tuple[Box, ...]) -> Trap:
        page = Page(b"/OC /" + name + b" BDC " + PLACE + b"EMC", boxes)
        return Trap((page,), {**PLAIN, **groups}, IMAGES + named, catalog)

    def of(entry: str, boxes: tuple[Box, ...]) -> Trap:
        image = (PLAIN["i"][0] + entry, PLAIN["i"][1])
        return Trap((Page(PLACE, boxes),), {"i": image, **groups}, IMAGES, catalog)

    def expressed(expression: str, boxes: tuple[Box, ...]) -> Trap:
        dictionary = f"/Type/OCMD/OCGs {{on}}/P/{'AllOff' if boxes else 'AnyOn'}/VE {expression}"
        plain = of("/OC {member}", boxes)
        return dataclasses.replace(plain, objects={**plain.objects, "member": (dictionary, None)})

    inline = Trap((Page(b"/OC /Own BDC " + PLACE + b"EMC", ()),), {**PLAIN, **groups}, "", catalog)
    form = (f"{FORM}/OC {{off}}/Resources<<{IMAGES}>>", PLACE)
    note = "/Type/Annot/Subtype/Stamp/F 4/Rect[0 0 320 300]/OC {off}/AP<</N {look}>>"
    look = (f"{FORM}/Resources<<{IMAGES}>>", PLACE)
    return {
        "layer on": marked(b"On", (BOX,)),
        "layer off": marked(b"Off", ()),
        "layers, all on": marked(b"Both", ()),
        "layers, any on": marked(b"Any", (BOX,)),
        "layers, any off": marked(b"Not", (BOX,)),
        "layers, none off": marked(b"None", ()),
        "layers, all on, of a base that is off": dataclasses.replace(
            marked(b"Both", ()), catalog="/OCProperties<</OCGs[{on} {off}]/D<</BaseState/OFF/ON[{on}]>>>>"
        ),
        **{f"layers, expression: {name}": expressed(*how) for name, how in expressions.items()},
        **{f"image of its own {membership}": of("/OC" + membership, boxes) for membership, boxes in direct.items()},
        **{
            f"marked by its own {membership}": dataclasses.replace(
                inline,
                pages=(dataclasses.replace(inline.pages[0], boxes=boxes),),
                resources=f"{IMAGES}/Properties<</Own{membership}>>",
            )
            for membership, boxes in direct.items()
        },
        "image of a layer on": of("/OC {on}", (BOX,)),
        "image of a layer off": of("/OC {off}", ()),
        "form of a layer off": Trap(
            (Page(b"/A Do", ()),), {**PLAIN, **groups, "a": form}, "/XObject<</A {a}>>", catalog
        ),
        "stamp of a layer off": Trap(
            (Page(b"", (), "/Annots[{note}]"),), {**PLAIN, **groups, "look": look, "note": (note, None)}, "", catalog
        ),
    }


def _occluders() -> dict[str, Trap]:
    """Occluders of an image; `J` is another image."""
    ink = (60, 80, 180, 180)
    over = b"q 156 0 0 130 42 100 cm /J Do Q"
    inset = b"q 60 0 0 50 120 120 cm /J Do Q"
    veil, corner = (42, 70, 198, 200), (120, 140, 240, 240)
    half = b"q 120 0 0 100 120 120 cm /J Do Q"
    font = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    states = "/ExtGState<</G<</ca .5>>>>"
    fine = {"off_by": 6.0, "alike": 0.97}  # half of the pixels of an image this small are lost on poppler's page
    tiles = b"".join(b"q 60 0 0 50 %d %d cm /J Do Q " % (x, y) for x in (60, 120) for y in (120, 170))

    def shown(content: bytes, boxes: tuple[Box, ...], inked: Box | None = None, **how: Any) -> Trap:
        page = Page(PLACE + content, boxes, ink=inked)
        return Trap((page,), TWO, TWO_IMAGES + font + states, **{"off_by": 3.5, **how})

    stays_out = {"truth": (PHOTO,)}  # small things over an image, and text, are not taken with it

    return {
        "covered by white": shown(b"1 g 50 110 140 120 re f", ()),
        "covered by white in two parts": shown(b"1 g 50 110 70 120 re f 110 110 80 120 re f", ()),
        "covered by a colour": shown(b".8 g 50 110 140 120 re f", (), (50, 70, 190, 190)),
        "covered by an image": shown(over, ((42, 70, 198, 200),)),
        "covered by the same box": shown(b"q 120 0 0 100 60 120 cm /J Do Q", (BOX,)),
        "covered by four": shown(
            tiles, ((60, 130, 120, 180), (60, 80, 120, 130), (120, 130, 180, 180), (120, 80, 180, 130)), **fine
        ),
        "half covered by white": shown(b"1 g 120 110 90 120 re f", ((60, 80, 120, 180),)),
        "half covered by an image": shown(half, ((60, 80, 120, 180), (120, 80, 240, 180))),
        "an image set into it": shown(inset, (BOX, (120, 130, 180, 180)), truth=(PHOTO, OTHER)),
        "an image over its corner": shown(b"q 120 0 0 100 120 60 cm /J Do Q", (BOX, corner), truth=(PHOTO, OTHER)),
        "all but its rim covered by an image": shown(
            b"q 108 0 0 90 66 125 cm /J Do Q", ((66, 85, 174, 175),), BOX, truth=(OTHER,)
        ),
        "a hole of white": shown(b"1 g 90 140 60 60 re f", (BOX,)),
        "veiled": shown(b"q /G gs 1 g 50 110 140 120 re f Q", (BOX,)),
        "a veil of an image": shown(
            b"q /G gs " + over + b" Q", (BOX, veil), veil, truth=(PHOTO, (OTHER / 2 + 127.5).astype(np.uint8))
        ),
        "an arrow over it": shown(
            b"1 0 0 rg 1 0 0 RG 3 w 90 150 m 150 200 l S 150 200 m 140 198 l 148 190 l f", (BOX,), **stays_out
        ),
        "a caption over it": shown(b"BT 0 g /F 14 Tf 70 130 Td (EUT photo 1) Tj ET", (BOX,), **stays_out),
        "a label over it": shown(b"1 g 62 122 40 10 re f BT 0 g /F 8 Tf 64 124 Td (Fig. 1) Tj ET", (BOX,), **stays_out),
        "a frame around it": shown(b"0 G 2 w 60 120 120 100 re S", (BOX,), (59, 79, 181, 181), **stays_out),
        "painted over a colour": Trap((Page(b".8 g 50 110 140 120 re f " + PLACE, ink=(50, 70, 190, 190)),)),
        "covered on one page of two": Trap((Page(PLACE + b"1 g 50 110 140 120 re f", ()), Page(PLACE, (ink,)))),
    }


LAYERS = _layers()
PAINTS = {**_states(), **_groups(), **LAYERS, **_occluders()}
