"""The kinds of toy, each with its builder.

A builder makes one instance in one pose. It draws all that belongs to the instance from the generator `shape`, and only
joint angles from `pose`, so that a seed gives the same object in every view. Toys stand on z = 0 and look along +x.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scott_core.data.synthetic.toy_creatures import bird, caterpillar, plush, quadruped, robot
from scott_core.data.synthetic.toy_meshes import Toy
from scott_core.data.synthetic.toy_things import blocks, bottle, cup, garment
from scott_core.data.synthetic.toy_vehicles import boat, car, plane, rocket, train

Builder = Callable[[np.random.Generator, np.random.Generator], Toy]

# The order must stay: seed % len(BUILDERS) is the kind of a seed's toy.
BUILDERS: dict[str, Builder] = {
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
ANIMALS = frozenset({"quadruped", "plush", "bird"})  # kinds that are painted in natural colours more often
