"""Builders of vehicles: cars, rockets, boats, planes, trains (`toy_kinds` defines a builder)."""

from __future__ import annotations

import numpy as np

from scott_core.data.synthetic.toy_meshes import (
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
    turn,
)

Rng = np.random.Generator
LYING_Y = turn("x", 90)  # turns a mesh along z to lie along y
LYING_X = turn("y", 90)  # turns a mesh along z to lie along x


def _wheel(toy: Toy, centre: Array, radius: float, width: float, tyre: int, hub: int) -> None:
    toy.add(cylinder(columns=17), centre @ LYING_Y @ scale(radius, radius, width), tyre)
    toy.add(cylinder(columns=9), centre @ LYING_Y @ scale(radius * 0.5, radius * 0.5, width * 1.15), hub)


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
