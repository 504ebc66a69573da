"""Builders of cups, bottles, blocks and doll's clothes (`toy_kinds` defines a builder)."""

from __future__ import annotations

import numpy as np

from scott_core.data.synthetic.toy_meshes import Toy, box, cylinder, lathe, move, scale, superquadric, tube, turn

Rng = np.random.Generator


def cup(shape: Rng, pose: Rng) -> Toy:
    """Mug, beaker or tea cup with its handle, on a saucer or with a spoon that moves."""
    toy = Toy()
    height, top, bottom, bulge = (
        shape.uniform(0.7, 1.5),
        shape.uniform(0.5, 0.85),
        shape.uniform(0.35, 0.75),
        shape.uniform(-0.15, 0.2),
    )
    t = np.linspace(1, 0, 9)
    radius = bottom + (top - bottom) * t + bulge * np.sin(np.pi * t)
    outer = [(float(r), float(height * z)) for r, z in zip(radius, t, strict=True)]
    toy.add(lathe(outer, smooth=True, columns=25), np.eye(4), 0)
    inner = [(r - 0.07, max(z, 0.07)) for r, z in reversed(outer)]
    toy.add(lathe([(0, 0.07), *inner], smooth=True, columns=25), np.eye(4), 1)
    toy.add(lathe([(top - 0.07, height), (top, height)], columns=25), np.eye(4), 2)
    toy.add(lathe([(bottom, 0.0), (0, 0.0)], columns=25), np.eye(4), 0)
    reach, tall, square = (
        shape.uniform(0.25, 0.55),
        shape.uniform(0.22, 0.42) * height,
        shape.uniform(0.4, 1.0),
    )
    angle = np.linspace(-np.pi / 2, np.pi / 2, 11)
    x = top * 0.5 + bottom * 0.5 + bulge - 0.08 + reach * np.abs(np.cos(angle)) ** square
    path = np.stack([x, 0 * x, height * 0.52 + tall * np.sin(angle)], -1)
    if shape.random() < 0.85:
        toy.add(tube(path, shape.uniform(0.06, 0.12)), np.eye(4), 2)
    extra = shape.random()
    if extra < 0.3:
        rim = shape.uniform(1.0, 1.3)
        toy.add(lathe([(rim, 0.08), (bottom, -0.06), (0, -0.06)], columns=25), np.eye(4), 3)
        toy.add(lathe([(0, -0.02), (bottom, -0.02), (rim, 0.09)], columns=25), np.eye(4), 3)
    elif extra < 0.6:
        spoon = move(z=height * 0.6) @ turn("z", pose.uniform(0, 360)) @ turn("y", shape.uniform(12, 22))
        toy.add(cylinder(columns=8), spoon @ move(z=0.35) @ scale(0.05, 0.05, height * 0.75), 3)
        toy.add(superquadric(1, 1, 9, 6), spoon @ move(z=0.35 + height * 0.75) @ scale(0.13, 0.05, 0.13), 3)
    return toy


def blocks(shape: Rng, pose: Rng) -> Toy:
    """A tower of three to six blocks, each turned a little."""
    toy = Toy()
    z = 0.0
    for level in range(int(shape.integers(3, 7))):
        form, size, high = int(shape.integers(5)), shape.uniform(0.35, 0.75), shape.uniform(0.18, 0.45)
        mesh = (
            box(),
            cylinder(),
            cylinder(shape.uniform(0.2, 0.8), 1.0),
            superquadric(0.3, 0.3),
            lathe([(0, 1), (1, 0.7), (0.6, 0), (1, -0.7), (0, -1)]),
        )[form]
        slip = move(pose.normal(0, 0.07), pose.normal(0, 0.07), z + high) @ turn("z", pose.uniform(-60, 60))
        toy.add(
            mesh,
            slip @ scale(size, size * shape.uniform(0.6, 1.0), high),
            (level + int(shape.integers(2))) % 4,
        )
        z += 2 * high
    return toy


def bottle(shape: Rng, pose: Rng) -> Toy:
    """Bottle, jar or tube with a printed label; it stands or lies, its cap turns or is open."""
    toy = Toy()
    height, girth, neck, flat = (
        shape.uniform(1.2, 2.2),
        shape.uniform(0.35, 0.65),
        shape.uniform(0.3, 0.85),
        shape.uniform(0.5, 1.0),
    )
    shoulder, waist, high = shape.uniform(0.1, 0.4), shape.uniform(-0.2, 0.15), shape.uniform(0.12, 0.35)
    lying = move(z=girth) @ turn("y", 90) if pose.random() < 0.25 else turn("y", pose.uniform(-6, 6))
    body = lying @ turn("z", pose.uniform(-90, 90)) @ scale(1, flat, 1)
    t = np.linspace(1, 0, 10)
    side = [(float(girth * (1 + waist * np.sin(np.pi * s))), float(height * s)) for s in t]
    top = [
        (float(girth * (neck + (1 - neck) * np.sin(a))), float(height + shoulder * np.cos(a)))
        for a in np.linspace(0, np.pi / 2, 6)
    ]
    toy.add(lathe(top, smooth=True, columns=23), body, 1)
    toy.add(lathe(side, smooth=True, columns=23), body, 0)
    toy.add(lathe([(girth, 0.0), (0, 0)], columns=23), body, 0)
    cap = body @ move(z=height + shoulder)
    style = int(shape.integers(3))
    toy.add(
        cylinder(shape.uniform(0.7, 1.0), 1.0, 17),
        cap @ move(z=high) @ scale(girth * neck * 1.05, girth * neck * 1.05, high),
        2,
    )
    if style == 1:
        spout = cap @ move(z=2 * high) @ turn("z", pose.uniform(0, 360))
        toy.add(cylinder(columns=8), spout @ move(z=0.1) @ scale(0.06, 0.06, 0.15), 3)
        toy.add(box(), spout @ move(0.18, 0, 0.25) @ scale(0.3, 0.09, 0.06), 3)
    elif style == 2:
        toy.add(superquadric(columns=11, rows=7), cap @ move(z=2 * high) @ scale(girth * neck * 0.6), 3)
    return toy


def garment(shape: Rng, pose: Rng) -> Toy:
    """Doll's shirt, dress or trousers lying flat or hanging: sleeves and legs swing, the cloth waves."""
    toy = Toy()
    width, height, sleeve, cuff = (
        shape.uniform(0.5, 0.75),
        shape.uniform(0.6, 1.1),
        shape.uniform(0.25, 0.9),
        shape.uniform(0.16, 0.26),
    )
    flare, style = shape.uniform(0.8, 1.5), int(shape.integers(3))
    thick, sway, hang = 0.1, pose.uniform(-15, 15), turn("y", pose.uniform(-20, 20))
    cloth = superquadric(0.25, 0.35, 17, 11)
    if style < 2:
        toy.add(cloth, hang @ move(z=1.5) @ scale(thick, width, height * 0.55), 0)
        skirt = hang @ move(z=1.5 - height * 0.5) @ turn("x", sway)
        toy.add(
            lathe([(0.9, 0), (flare if style else 1.0, -1), (0, -1)], columns=21),
            skirt @ scale(thick * 1.4, width * 1.02, height * (0.9 if style else 0.5)),
            1 if style else 0,
        )
        for side in (-1, 1):
            joint = (
                hang
                @ move(0, side * width * 0.9, 1.5 + height * 0.4)
                @ turn("x", side * pose.uniform(15, 110))
                @ turn("y", pose.uniform(-15, 15))
            )
            toy.add(
                cloth,
                joint @ move(z=-sleeve / 2) @ scale(thick * 0.9, cuff, sleeve * 0.6),
                0 if shape.random() < 0.5 else 2,
            )
            toy.add(cloth, joint @ move(z=-sleeve) @ scale(thick, cuff * 1.1, 0.09), 3)
        toy.add(
            lathe([(0.8, 1), (1, 1), (1, -1), (0.8, -1)], columns=15),
            hang @ move(z=1.5 + height * 0.55) @ scale(thick * 1.2, width * 0.36, 0.1),
            3,
        )
    else:
        toy.add(cloth, hang @ move(z=1.7) @ scale(thick * 1.2, width, height * 0.32), 0)
        toy.add(cloth, hang @ move(z=1.7 + height * 0.3) @ scale(thick * 1.35, width * 1.02, 0.1), 2)
        for side in (-1, 1):
            hip = (
                hang
                @ move(0, side * width * 0.5, 1.65)
                @ turn("x", side * pose.uniform(-3, 35))
                @ turn("y", pose.uniform(-25, 25))
            )
            toy.add(cloth, hip @ move(z=-height * 0.5) @ scale(thick, width * 0.5, height * 0.6), 0)
            knee = hip @ move(z=-height) @ turn("y", pose.uniform(0, 60)) @ turn("x", pose.uniform(-15, 15))
            toy.add(
                cloth,
                knee @ move(z=-sleeve / 2) @ scale(thick, width * 0.45 * min(flare, 1.2), sleeve * 0.65),
                0,
            )
            toy.add(cloth, knee @ move(z=-sleeve) @ scale(thick * 1.1, width * 0.47 * min(flare, 1.2), 0.1), 3)
    for i in range(int(shape.integers(0, 4))):
        toy.add(superquadric(1, 1, 8, 6), hang @ move(thick, 0, 1.5 + height * 0.35 - 0.22 * i) @ scale(0.06), 3)
    return toy
