"""The kinds of toy: each builder makes one instance (drawn from `shape`) in one pose (drawn from `pose`).

A builder draws everything that belongs to the instance from `shape` and only joint angles from `pose`, so
that the same seed is the same object in every view. Toys stand on z = 0 and look along +x.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scott_core.data.toy_meshes import (
    BLACK,
    WHITE,
    Array,
    Toy,
    box,
    cylinder,
    lathe,
    move,
    scale,
    superquadric,
    tube,
    turn,
)

Rng = np.random.Generator
LYING_Y = turn("x", 90)  # turns a mesh along z to lie along y
LYING_X = turn("y", 90)  # ... along x


def _eyes(toy: Toy, head: Array, rng: Rng, x: float, y: float, z: float) -> None:
    """Two eyes on a head; the size and the white belong to the instance."""
    size, white = rng.uniform(0.07, 0.13), rng.random() < 0.5
    for side in (-1, 1):
        if white:
            toy.add(superquadric(columns=9, rows=6), head @ move(x, side * y, z) @ scale(size * 1.4), WHITE)
        pupil = head @ move(x + (size * 0.9 if white else 0), side * y, z) @ scale(size * 0.8)
        toy.add(superquadric(columns=9, rows=6), pupil, BLACK)


def _limb(toy: Toy, joint: Array, length: float, radius: float, material: int, foot: int) -> None:
    """A limb hanging from its joint, with a foot or hand of another material."""
    toy.add(
        cylinder(1.0, 0.85, columns=9),
        joint @ move(z=-length / 2) @ scale(radius, radius, length / 2),
        material,
    )
    toy.add(superquadric(0.7, 0.7, 9, 6), joint @ move(0.2 * radius, 0, -length) @ scale(radius * 1.3), foot)


def _wheel(toy: Toy, centre: Array, radius: float, width: float, tyre: int, hub: int) -> None:
    toy.add(cylinder(columns=17), centre @ LYING_Y @ scale(radius, radius, width), tyre)
    toy.add(cylinder(columns=9), centre @ LYING_Y @ scale(radius * 0.5, radius * 0.5, width * 1.15), hub)


def quadruped(shape: Rng, pose: Rng) -> Toy:
    """Cow, dog, horse, sheep or giraffe, by its proportions."""
    toy = Toy()
    length, girth, leg = shape.uniform(0.8, 1.3), shape.uniform(0.35, 0.65), shape.uniform(0.45, 1.2)
    thick, blocky = shape.uniform(0.1, 0.2), shape.uniform(0.55, 1.0)
    neck, skull, snout = shape.uniform(0.1, 1.1), shape.uniform(0.26, 0.44), shape.uniform(0.3, 0.9)
    ear, horns, mane, tail = (
        shape.uniform(0.12, 0.42),
        shape.random() < 0.35,
        shape.random() < 0.4,
        shape.uniform(0.3, 0.9),
    )
    torso = move(z=leg + girth * 0.8)
    toy.add(superquadric(blocky, blocky, 17, 11), torso @ scale(length, girth, girth), 0)
    for x in (-0.65, 0.65):
        for y in (-0.55, 0.55):
            joint = torso @ move(x * length, y * girth, -0.3 * girth) @ turn("y", pose.uniform(-35, 35))
            _limb(toy, joint, leg + 0.3 * girth, thick, 0 if shape.random() < 0.7 else 1, 2)
    nape = (
        torso
        @ move(0.8 * length, 0, 0.35 * girth)
        @ turn("z", pose.uniform(-25, 25))
        @ turn("y", 35 + pose.uniform(-25, 25))
    )
    toy.add(cylinder(0.7, 1.0, 11), nape @ move(z=neck / 2) @ scale(skull * 0.75, skull * 0.6, neck / 2 + 0.2), 0)
    head = nape @ move(z=neck + 0.2) @ turn("y", -35 + pose.uniform(-20, 20)) @ turn("z", pose.uniform(-40, 40))
    toy.add(superquadric(0.85, 0.85, 13, 9), head @ scale(skull * 1.1, skull, skull), 0)
    toy.add(
        superquadric(0.8, 0.8, 11, 7),
        head @ move(skull * (0.7 + snout / 2), 0, -0.25 * skull) @ scale(skull * snout, skull * 0.6, skull * 0.5),
        1,
    )
    _eyes(toy, head, shape, skull * 0.85, skull * 0.5, skull * 0.45)
    for side in (-1, 1):
        flop = (
            head @ move(-0.2 * skull, side * skull * 0.8, skull * 0.7) @ turn("x", -side * (30 + pose.uniform(-30, 50)))
        )
        toy.add(superquadric(1, 1, 9, 6), flop @ move(z=ear * 0.7) @ scale(0.09, ear * 0.5, ear), 1)
        if horns:
            horn = head @ move(0, side * skull * 0.45, skull * 0.8) @ turn("x", -side * 30)
            toy.add(cylinder(0.15, 1.0, 8), horn @ move(z=0.15) @ scale(0.07, 0.07, 0.22), WHITE)
    if mane:
        toy.add(
            superquadric(0.5, 0.8, 9, 7),
            nape @ move(-skull * 0.6, 0, neck / 2) @ scale(skull * 0.3, 0.09, neck / 2 + 0.3),
            3,
        )
    rump = (
        torso
        @ move(-0.95 * length, 0, 0.4 * girth)
        @ turn("y", 200 + pose.uniform(-50, 50))
        @ turn("x", pose.uniform(-30, 30))
    )
    toy.add(cylinder(0.5, 1.0, 8), rump @ move(z=tail / 2) @ scale(0.07, 0.07, tail / 2), 3)
    toy.add(superquadric(1, 1, 9, 6), rump @ move(z=tail) @ scale(0.12, 0.12, 0.2), 3)
    return toy


def car(shape: Rng, pose: Rng) -> Toy:
    """Saloon, van, pick-up or lorry; the front wheels steer, and a tipper's bed lifts."""
    toy = Toy()
    length, width, height = shape.uniform(1.1, 1.7), shape.uniform(0.5, 0.75), shape.uniform(0.18, 0.36)
    wheel, rounded, style = shape.uniform(0.24, 0.42), shape.uniform(0.12, 0.6), int(shape.integers(4))
    cab_length, cab_height = shape.uniform(0.35, 0.6), shape.uniform(0.25, 0.5)
    body = superquadric(rounded, rounded, 17, 11)
    base = move(z=wheel + height * 0.6)
    toy.add(body, base @ scale(length, width, height), 0)
    cab = {0: -0.1, 1: -0.15, 2: 0.25, 3: 0.55}[style] * length
    cab_size = cab_length * length * (1.5 if style == 1 else 0.8 if style == 3 else 1.0)
    top = base @ move(cab, 0, height + cab_height * 0.7)
    toy.add(
        superquadric(0.35, 0.5, 13, 9),
        top @ scale(cab_size, width * 0.88, cab_height),
        1 if shape.random() < 0.5 else 0,
    )
    glass = BLACK if shape.random() < 0.6 else WHITE
    toy.add(box(), top @ move(z=0.12) @ scale(cab_size * 0.72, width * 0.9, cab_height * 0.45), glass)
    toy.add(box(), top @ move(0, 0, 0.12) @ scale(cab_size * 0.98, width * 0.66, cab_height * 0.42), glass)
    if style >= 2:
        bed = base @ move(-0.95 * length, 0, height) @ turn("y", -pose.uniform(0, 35) if style == 3 else 0)
        load = bed @ move(0.55 * length, 0, shape.uniform(0.15, 0.5) * 0.7)
        toy.add(box(), load @ scale(length * 0.52, width * 0.95, 0.3 if style == 3 else 0.14), 2)
    axle = shape.uniform(0.5, 0.68) * length
    for x in (-axle, axle):
        steer = turn("z", pose.uniform(-30, 30)) if x > 0 else np.eye(4)
        for side in (-1, 1):
            _wheel(
                toy,
                move(x, side * width, wheel) @ steer,
                wheel,
                0.14,
                BLACK,
                3 if shape.random() < 0.99 else 2,
            )
    for side in (-1, 1):
        toy.add(superquadric(1, 1, 9, 6), base @ move(length * 0.94, side * width * 0.6, 0.1) @ scale(0.12), WHITE)
    if shape.random() < 0.35:
        toy.add(cylinder(), top @ move(z=cab_height + 0.05) @ scale(0.14, 0.14, 0.12), 2)
    if shape.random() < 0.4:
        toy.add(box(), base @ move(length * 0.98, 0, -0.1) @ scale(0.1, width * 0.9, 0.09), 3)
    return toy


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


def robot(shape: Rng, pose: Rng) -> Toy:
    """Robot or doll with shoulders, elbows, hips and a turning head."""
    toy = Toy()
    width, depth, height = shape.uniform(0.35, 0.7), shape.uniform(0.25, 0.45), shape.uniform(0.4, 0.75)
    leg, arm, limb, square = (
        shape.uniform(0.4, 1.0),
        shape.uniform(0.35, 0.65),
        shape.uniform(0.1, 0.19),
        shape.uniform(0.15, 0.9),
    )
    skull, head_square = shape.uniform(0.28, 0.5), shape.uniform(0.15, 1.0)
    torso = move(z=leg + height)
    toy.add(superquadric(square, square, 17, 11), torso @ scale(depth, width, height), 0)
    toy.add(
        box(),
        torso @ move(depth * 0.8, 0, shape.uniform(-0.1, 0.3)) @ scale(depth * 0.25, width * 0.5, height * 0.3),
        2,
    )
    head = torso @ move(z=height + skull * 0.85) @ turn("z", pose.uniform(-60, 60)) @ turn("y", pose.uniform(-20, 20))
    toy.add(superquadric(head_square, head_square, 15, 9), head @ scale(skull * 0.9, skull, skull * 0.9), 1)
    _eyes(toy, head, shape, skull * 0.86, skull * 0.42, skull * 0.15)
    hat = shape.random()
    if hat < 0.35:
        toy.add(cylinder(columns=7), head @ move(z=skull * 1.2) @ scale(0.04, 0.04, skull * 0.5), 2)
        toy.add(superquadric(1, 1, 9, 6), head @ move(z=skull * 1.7) @ scale(0.12), 3)
    elif hat < 0.7:
        toy.add(
            cylinder(shape.uniform(0.0, 0.9), 1.0),
            head @ move(z=skull * 1.05) @ scale(skull * 0.8, skull * 0.8, skull * shape.uniform(0.25, 0.6)),
            3,
        )
    for side in (-1, 1):
        shoulder = (
            torso
            @ move(0, side * (width + limb), height * 0.7)
            @ turn("y", pose.uniform(-100, 40))
            @ turn("x", side * pose.uniform(0, 60))
        )
        toy.add(cylinder(1, 0.9, 9), shoulder @ move(z=-arm / 2) @ scale(limb, limb, arm / 2), 1)
        elbow = shoulder @ move(z=-arm) @ turn("y", -pose.uniform(0, 100))
        _limb(toy, elbow, arm, limb * 0.9, 0, 3)
        hip = torso @ move(0, side * width * 0.5, -height * 0.8) @ turn("y", pose.uniform(-50, 35))
        _limb(toy, hip, leg + height * 0.1, limb * 1.25, 1, 2)
    return toy


def plush(shape: Rng, pose: Rng) -> Toy:
    """Sitting teddy, rabbit or cat: soft limbs and ears that flop."""
    toy = Toy()
    belly, tall, skull = shape.uniform(0.45, 0.7), shape.uniform(0.55, 0.85), shape.uniform(0.4, 0.62)
    ear, ear_width, droop, limb = (
        shape.uniform(0.16, 0.75),
        shape.uniform(0.12, 0.24),
        shape.uniform(0, 110),
        shape.uniform(0.15, 0.25),
    )
    lean = move(z=tall) @ turn("y", pose.uniform(-12, 12))
    toy.add(superquadric(columns=17, rows=11), lean @ scale(belly * 0.9, belly, tall), 0)
    toy.add(
        superquadric(columns=13, rows=9),
        lean @ move(belly * 0.3, 0, -0.1) @ scale(belly * 0.68, belly * 0.68, tall * 0.7),
        1,
    )
    head = (
        lean @ move(0.05, 0, tall + skull * 0.6) @ turn("z", pose.uniform(-45, 45)) @ turn("x", pose.uniform(-20, 20))
    )
    toy.add(superquadric(columns=15, rows=11), head @ scale(skull, skull * 1.05, skull * 0.92), 0)
    toy.add(
        superquadric(columns=11, rows=7),
        head
        @ move(skull * 0.75, 0, -skull * 0.25)
        @ scale(skull * shape.uniform(0.3, 0.6), skull * 0.42, skull * 0.33),
        1,
    )
    toy.add(
        superquadric(columns=8, rows=6),
        head @ move(skull * 1.2, 0, -skull * 0.1) @ scale(0.08, 0.11, 0.08),
        BLACK,
    )
    _eyes(toy, head, shape, skull * 0.84, skull * 0.4, skull * 0.3)
    for side in (-1, 1):
        flop = (
            head @ move(0, side * skull * 0.62, skull * 0.62) @ turn("x", -side * (20 + droop + pose.uniform(-30, 30)))
        )
        toy.add(superquadric(columns=11, rows=8), flop @ move(z=ear * 0.8) @ scale(0.1, ear_width, ear), 0)
        toy.add(
            superquadric(columns=9, rows=6),
            flop @ move(0.06, 0, ear * 0.8) @ scale(0.07, ear_width * 0.6, ear * 0.75),
            2,
        )
        shoulder = (
            lean
            @ move(0.1, side * belly * 0.8, tall * 0.5)
            @ turn("x", side * pose.uniform(10, 80))
            @ turn("y", -pose.uniform(0, 90))
        )
        toy.add(superquadric(columns=11, rows=8), shoulder @ move(z=-0.3) @ scale(limb, limb, 0.42), 0)
        hip = lean @ move(belly * 0.4, side * belly * 0.65, -tall * 0.75) @ turn("z", side * pose.uniform(-5, 50))
        toy.add(superquadric(columns=11, rows=8), hip @ move(0.35) @ scale(0.5, limb * 1.15, limb * 1.1), 0)
        toy.add(superquadric(columns=9, rows=7), hip @ move(0.72) @ scale(0.15, limb, limb * 1.25), 3)
    if shape.random() < 0.4:
        toy.add(
            superquadric(0.5, 1, 13, 7),
            lean @ move(z=tall * 0.82) @ scale(belly * 0.62, belly * 0.66, 0.12),
            2,
        )
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


def rocket(shape: Rng, pose: Rng) -> Toy:
    """Rocket with fins, window and nose, standing or leaning."""
    toy = Toy()
    length, girth, belly = shape.uniform(1.4, 2.4), shape.uniform(0.3, 0.55), shape.uniform(-0.1, 0.25)
    nose, n_fins, fin = shape.uniform(0.4, 0.9), int(shape.integers(3, 6)), shape.uniform(0.3, 0.65)
    lean = turn("y", pose.uniform(-25, 25)) @ turn("z", pose.uniform(0, 360))
    t = np.linspace(1, 0, 9)
    hull = [(float(girth * (1 + belly * np.sin(np.pi * s) * 2)), float(length * s)) for s in t]
    toy.add(lathe(hull, smooth=True, columns=21), lean, 0)
    s = np.linspace(0, 1, 7)
    cone = [
        (float(girth * r), float(length + nose * h))
        for r, h in zip(np.sin(s * np.pi / 2) ** shape.uniform(0.7, 1.2), np.cos(s * np.pi / 2), strict=True)
    ]
    toy.add(lathe(cone, smooth=True, columns=21), lean, 1)
    toy.add(cylinder(0.75, 1.0), lean @ move(z=-0.12) @ scale(girth * 0.8, girth * 0.8, 0.16), BLACK)
    sweep, low = shape.uniform(0, 40), shape.uniform(0.2, 0.45)
    for i in range(n_fins):
        root = lean @ turn("z", 360 * i / n_fins) @ move(girth, 0, low * 0.6) @ turn("y", sweep)
        toy.add(box(), root @ scale(fin, 0.05, low), 2)
        toy.add(cylinder(0.4, 1.0, 8), root @ move(fin) @ scale(0.09, 0.09, low * 1.3), 3)
    for i in range(int(shape.integers(1, 4))):
        port = (
            lean @ turn("z", shape.uniform(0, 30)) @ move(girth * (1 + belly), 0, length * (0.75 - 0.22 * i)) @ LYING_X
        )
        toy.add(cylinder(columns=13), port @ scale(0.17, 0.17, 0.1), WHITE)
        toy.add(cylinder(columns=13), port @ scale(0.12, 0.12, 0.12), BLACK)
    if shape.random() < 0.5:
        band = shape.uniform(0.2, 0.8)
        toy.add(
            cylinder(columns=21),
            lean
            @ move(z=length * band)
            @ scale(
                girth * (1.04 + 2 * belly * np.sin(np.pi * band)),
                girth * (1.04 + 2 * belly * np.sin(np.pi * band)),
                0.1,
            ),
            3,
        )
    return toy


def boat(shape: Rng, pose: Rng) -> Toy:
    """Steamer or sailing boat; the sail swings, the boat rolls."""
    toy = Toy()
    length, width, depth = shape.uniform(1.1, 1.7), shape.uniform(0.4, 0.65), shape.uniform(0.3, 0.55)
    roll = turn("x", pose.uniform(-12, 12)) @ turn("y", pose.uniform(-8, 8))
    t = np.linspace(0, 1, 6)
    fullness = shape.uniform(0.35, 0.8)
    hull = lathe(
        [(float(np.cos(s * np.pi / 2) ** fullness), float(-s)) for s in t] + [(0.0, -1.0)],
        smooth=True,
        columns=21,
    )
    toy.add(hull, roll @ move(z=depth) @ scale(length, width, depth), 0)
    toy.add(
        lathe([(0, 0.08), (1.03, 0.08), (1.03, -0.1), (0.9, -0.1)], columns=21),
        roll @ move(z=depth) @ scale(length, width, 1),
        1,
    )
    deck = roll @ move(z=depth + 0.08)
    if shape.random() < 0.5:
        floors = int(shape.integers(1, 4))
        for i in range(floors):
            size = 0.5 - 0.12 * i
            toy.add(
                box(),
                deck @ move(-0.1 * length, 0, 0.2 + 0.38 * i) @ scale(length * size, width * (0.75 - 0.12 * i), 0.2),
                2 if i % 2 == 0 else 3,
            )
        for i in range(int(shape.integers(1, 4))):
            toy.add(
                cylinder(columns=11),
                deck @ move(length * (0.2 - 0.25 * i), 0, 0.38 * floors + 0.25) @ scale(0.11, 0.11, 0.3),
                1 if i % 2 else 0,
            )
    else:
        mast = shape.uniform(1.1, 1.9)
        toy.add(cylinder(columns=8), deck @ move(z=mast / 2) @ scale(0.05, 0.05, mast / 2), 3)
        swing = deck @ turn("z", pose.uniform(-55, 55))
        for i, side in enumerate((-1, 1) if shape.random() < 0.6 else (-1,)):
            sail = swing @ move(side * length * 0.32, 0, mast * 0.52) @ scale(side * length * 0.3, 1, mast * 0.45)
            toy.add(
                lathe([(0, 1), (0.02, 1), (1.0, -1), (0, -1)], columns=5),
                sail @ move(-0.9) @ scale(1.9, 0.05, 1),
                2 + i,
            )
        toy.add(box(), deck @ move(-length * 0.5, 0, 0.15) @ scale(0.25, width * 0.5, 0.15), 1)
        toy.add(box(), deck @ move(0.12, 0, mast) @ scale(0.16, 0.03, 0.09), 1)
    return toy


def plane(shape: Rng, pose: Rng) -> Toy:
    """Aeroplane with one or two wings and a propeller that turns; it banks in flight."""
    toy = Toy()
    length, girth, span = shape.uniform(1.0, 1.6), shape.uniform(0.22, 0.42), shape.uniform(0.9, 1.7)
    chord, sweep, biplane, slim = (
        shape.uniform(0.2, 0.42),
        shape.uniform(-5, 30),
        shape.random() < 0.35,
        shape.uniform(0.5, 1.0),
    )
    bank = move(z=1) @ turn("x", pose.uniform(-30, 30)) @ turn("y", pose.uniform(-25, 25))
    toy.add(superquadric(1.0, slim, 15, 11), bank @ LYING_X @ scale(girth, girth, length), 0)
    for side in (-1, 1):
        for level in (-0.35, 1.6) if biplane else (shape.uniform(-0.4, 0.6),):
            root = bank @ move(0.1 * length, 0, level * girth) @ turn("z", side * -sweep if side > 0 else sweep)
            toy.add(
                superquadric(0.4, 0.6, 11, 7),
                root @ move(0, side * span / 2, 0) @ scale(chord, span / 2, 0.06),
                1,
            )
            toy.add(box(), root @ move(0, side * span * 0.9, 0) @ scale(chord * 0.95, span * 0.06, 0.065), 2)
        tail = bank @ move(-0.85 * length, side * span * 0.18, 0.1)
        toy.add(superquadric(0.4, 0.6, 9, 6), tail @ scale(chord * 0.55, span * 0.2, 0.05), 2)
    toy.add(
        superquadric(0.5, 0.5, 9, 6),
        bank @ move(-0.85 * length, 0, girth * 0.9) @ scale(chord * 0.5, 0.05, shape.uniform(0.25, 0.45)),
        2,
    )
    toy.add(
        superquadric(1, 1, 11, 7),
        bank @ move(0.25 * length, 0, girth * 0.75) @ scale(0.3 * length, girth * 0.6, girth * 0.6),
        BLACK if shape.random() < 0.6 else WHITE,
    )
    if shape.random() < 0.6:
        hub = bank @ move(length) @ turn("x", pose.uniform(0, 180))
        toy.add(superquadric(1, 1, 9, 6), hub @ scale(0.16, 0.12, 0.12), 3)
        toy.add(box(), hub @ move(0.06) @ scale(0.03, 0.07, shape.uniform(0.4, 0.6)), 3)
    else:
        for side in (-1, 1):
            toy.add(cylinder(), bank @ move(0.2, side * span * 0.45, -0.18) @ LYING_X @ scale(0.14, 0.14, 0.3), 3)
    return toy


def train(shape: Rng, pose: Rng) -> Toy:
    """Engine and up to two wagons on couplings that bend."""
    toy = Toy()
    length, width, wheel = shape.uniform(0.75, 1.0), shape.uniform(0.35, 0.5), shape.uniform(0.17, 0.26)
    boiler, cab, chimney = shape.uniform(0.26, 0.42), shape.uniform(0.45, 0.75), shape.uniform(0.2, 0.45)
    flare = shape.uniform(0.8, 1.8)

    def chassis(frame: Array, half: float, axles: int) -> None:
        toy.add(box(), frame @ move(z=wheel * 1.4) @ scale(half, width, 0.1), 3)
        for x in np.linspace(-0.7, 0.7, axles) * half:
            for side in (-1, 1):
                _wheel(toy, frame @ move(float(x), side * width, wheel), wheel, 0.07, BLACK, 2)

    engine, floor = np.eye(4), wheel * 1.4 + 0.1
    chassis(engine, length, 3)
    toy.add(
        cylinder(columns=17),
        move(0.25 * length, 0, floor + boiler) @ LYING_X @ scale(boiler, boiler, length * 0.7),
        0,
    )
    toy.add(box(), move(-0.6 * length, 0, floor + cab) @ scale(0.38 * length, width * 0.95, cab), 1)
    toy.add(box(), move(-0.6 * length, 0, floor + cab * 1.25) @ scale(0.28 * length, width, cab * 0.35), WHITE)
    toy.add(box(), move(-0.6 * length, 0, floor + 2 * cab) @ scale(0.48 * length, width * 1.15, 0.07), 2)
    toy.add(
        cylinder(flare, 1.0),
        move(0.6 * length, 0, floor + 2 * boiler + chimney / 2) @ scale(0.13, 0.13, chimney),
        2,
    )
    toy.add(superquadric(1, 1, 9, 6), move(0.1 * length, 0, floor + 2 * boiler) @ scale(0.17), 3)
    end = engine @ move(-length - 0.1)
    for _ in range(int(shape.integers(0, 3))):
        half, load = shape.uniform(0.45, 0.65), int(shape.integers(3))
        wagon = end @ turn("z", pose.uniform(-30, 30)) @ move(-half - 0.1)
        chassis(wagon, half, 2)
        top, material = wagon @ move(z=floor), int(shape.integers(3))
        if load == 0:
            toy.add(box(), top @ move(z=0.3) @ scale(half * 0.95, width * 0.95, 0.3), material)
        elif load == 1:
            toy.add(cylinder(), top @ move(z=0.33) @ LYING_X @ scale(0.33, 0.33, half * 0.9), material)
        else:
            for x in (-0.5, 0.5):
                toy.add(
                    superquadric(0.6, 0.6, 11, 7),
                    top @ move(x * half, 0, 0.25) @ scale(0.24, 0.28, 0.27),
                    material,
                )
        end = wagon @ move(-half - 0.1)
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


def bird(shape: Rng, pose: Rng) -> Toy:
    """Duck, parrot or penguin with wings that open."""
    toy = Toy()
    length, girth, skull, upright = (
        shape.uniform(0.6, 1.0),
        shape.uniform(0.4, 0.6),
        shape.uniform(0.28, 0.45),
        shape.uniform(0, 65),
    )
    beak, beak_flat, wing, crest = (
        shape.uniform(0.2, 0.5),
        shape.uniform(0.3, 1.0),
        shape.uniform(0.4, 0.75),
        shape.random() < 0.4,
    )
    base = move(z=girth + 0.2) @ turn("y", -upright + pose.uniform(-10, 10))
    toy.add(superquadric(1, 1, 17, 11), base @ scale(length, girth, girth), 0)
    toy.add(
        superquadric(1, 1, 13, 9),
        base @ move(0.15 * length, 0, -0.2 * girth) @ scale(length * 0.78, girth * 0.85, girth * 0.85),
        1,
    )
    neck = base @ move(length * 0.75, 0, girth * 0.6) @ turn("y", upright) @ turn("z", pose.uniform(-70, 70))
    head = neck @ move(z=shape.uniform(0.1, 0.45))
    toy.add(superquadric(1, 1, 15, 9), head @ scale(skull), 0)
    toy.add(superquadric(1, 1, 11, 7), neck @ move(z=-0.1) @ scale(skull * 0.75, skull * 0.75, 0.4), 3)
    toy.add(
        superquadric(1, 1, 10, 7),
        head @ move(skull * 0.85 + beak * 0.4, 0, -0.05) @ scale(beak, skull * 0.45, skull * 0.4 * beak_flat),
        2,
    )
    _eyes(toy, head, shape, skull * 0.75, skull * 0.55, skull * 0.35)
    if crest:
        toy.add(superquadric(0.6, 1, 9, 7), head @ move(-0.1, 0, skull) @ scale(skull * 0.6, 0.07, skull * 0.5), 2)
    flap = pose.uniform(0, 75)
    for side in (-1, 1):
        joint = base @ move(0, side * girth * 0.85, girth * 0.3) @ turn("x", side * (flap - 5))
        toy.add(
            superquadric(1, 1, 11, 8),
            joint @ move(-0.15 * length, 0, -wing * 0.5) @ scale(length * 0.55, 0.08, wing * 0.65),
            3,
        )
        toy.add(
            superquadric(1, 0.6, 9, 6),
            move(0.15 + pose.uniform(-0.1, 0.1), side * girth * 0.45, 0.07) @ scale(0.3, 0.2, 0.07),
            2,
        )
    tail = base @ move(-length * 0.95, 0, 0.15) @ turn("y", shape.uniform(0, 35) + pose.uniform(-10, 10))
    toy.add(superquadric(0.7, 0.7, 9, 6), tail @ scale(0.35, girth * 0.5, 0.07), 3)
    return toy


def caterpillar(shape: Rng, pose: Rng) -> Toy:
    """Snake or caterpillar: a chain of six to nine links that bends freely."""
    toy = Toy()
    n, radius, taper, square = (
        int(shape.integers(6, 10)),
        shape.uniform(0.26, 0.42),
        shape.uniform(0.0, 0.07),
        shape.uniform(0.4, 1.0),
    )
    feet, cycle, stretch = shape.random() < 0.6, int(shape.integers(2, 5)), shape.uniform(0.75, 1.2)
    bend, wave = pose.uniform(-38, 38), pose.uniform(-45, 45)
    head = move(z=radius) @ turn("z", pose.uniform(-30, 30))
    skull = radius * shape.uniform(1.05, 1.5)
    toy.add(superquadric(1, 1, 15, 9), head @ move(skull * 0.3, 0, skull * 0.4) @ scale(skull), 1)
    face = head @ move(skull * 0.3, 0, skull * 0.4)
    _eyes(toy, face, shape, skull * 0.8, skull * 0.42, skull * 0.35)
    for side in (-1, 1):
        feeler = face @ move(0, side * skull * 0.4, skull * 0.9) @ turn("x", -side * (15 + pose.uniform(-10, 10)))
        toy.add(cylinder(columns=7), feeler @ scale(0.04, 0.04, 0.25), 2)
        toy.add(superquadric(1, 1, 8, 6), feeler @ move(z=0.27) @ scale(0.09), 3)
    link = head
    for i in range(n):
        size = radius * (1 - taper * i)
        link = link @ turn("z", bend * 0.5 + wave * np.cos(1.3 * i)) @ move(-size * 1.35 * stretch)
        toy.add(
            superquadric(square, square, 13, 9),
            link @ scale(size * stretch, size, size),
            i % cycle if cycle < 4 else (0 if i % 2 else 3),
        )
        if feet:
            for side in (-1, 1):
                toy.add(superquadric(1, 1, 8, 6), link @ move(0, side * size * 0.8, -size * 0.75) @ scale(0.12), 2)
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


BUILDERS: dict[str, Callable[[Rng, Rng], Toy]] = {
    "quadruped": quadruped,
    "car": car,
    "cup": cup,
    "robot": robot,
    "plush": plush,
    "blocks": blocks,
    "rocket": rocket,
    "boat": boat,
    "plane": plane,
    "train": train,
    "bottle": bottle,
    "bird": bird,
    "caterpillar": caterpillar,
    "garment": garment,
}
ANIMALS = frozenset({"quadruped", "plush", "bird"})
