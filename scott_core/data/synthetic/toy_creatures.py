"""Builders of toys with joints: animals, robots, plush toys (`toy_kinds` defines a builder)."""

from __future__ import annotations

import numpy as np

from scott_core.data.synthetic.toy_meshes import (
    BLACK,
    WHITE,
    Array,
    Toy,
    box,
    cylinder,
    move,
    scale,
    superquadric,
    turn,
)

Rng = np.random.Generator


def _eyes(toy: Toy, head: Array, rng: Rng, x: float, y: float, z: float) -> None:
    """Adds two eyes to a head, at (x, +-y, z) of its frame."""
    size, white = rng.uniform(0.07, 0.13), rng.random() < 0.5
    for side in (-1, 1):
        if white:
            toy.add(superquadric(columns=9, rows=6), head @ move(x, side * y, z) @ scale(size * 1.4), WHITE)
        pupil = head @ move(x + (size * 0.9 if white else 0), side * y, z) @ scale(size * 0.8)
        toy.add(superquadric(columns=9, rows=6), pupil, BLACK)


def _limb(toy: Toy, joint: Array, length: float, radius: float, material: int, foot: int) -> None:
    """Adds a limb that hangs from its joint, with a foot or hand of the material `foot`."""
    toy.add(
        cylinder(1.0, 0.85, columns=9),
        joint @ move(z=-length / 2) @ scale(radius, radius, length / 2),
        material,
    )
    toy.add(superquadric(0.7, 0.7, 9, 6), joint @ move(0.2 * radius, 0, -length) @ scale(radius * 1.3), foot)


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
