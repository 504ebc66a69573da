"""Pairs out of instances: labels and kinds are true, balanced, never twice, and the same for the same seed."""

from collections import Counter
from pathlib import Path

import pytest

from scott_core.data.instances import Instance, View
from scott_core.data.sampling import sample_pairs
from scott_core.errors import PairsError
from scott_core.pairs import Pair


def toys(**views: int) -> list[Instance]:
    """Instances such as car_1=3: group car, three images car_1/0 to car_1/2, each with a mask beside it."""
    return [
        Instance(name, "toy", name.split("_")[0], [View(Path(name, str(i)), Path(name, f"m{i}")) for i in range(n)])
        for name, n in views.items()
    ]


def kinds(pairs: list[Pair]) -> Counter[str]:
    return Counter(pair.kind for pair in pairs)


SHELF = toys(car_1=5, car_2=5, car_3=5, cow_1=5, cow_2=5, cup_1=5)


def test_labels_and_kinds_are_true() -> None:
    for pair in sample_pairs(SHELF, size=60, seed=1):
        a, b = pair.path_a.parent.name, pair.path_b.parent.name
        truth = "match" if a == b else "hard" if a[:3] == b[:3] else "easy"
        assert (pair.kind, pair.label) == (truth, int(a == b))
        assert (pair.instance_a, pair.instance_b) == (a, b)
        assert pair.path_a != pair.path_b
        assert pair.mask_a == pair.path_a.with_name(f"m{pair.path_a.name}")
        assert pair.mask_b == pair.path_b.with_name(f"m{pair.path_b.name}")


def test_half_match_and_the_share_of_hard_ones_is_kept() -> None:
    without_single = toys(car_1=5, car_2=5, cow_1=5, cow_2=5)
    assert kinds(sample_pairs(without_single, size=40, seed=0)) == {"match": 20, "hard": 10, "easy": 10}
    assert kinds(sample_pairs(without_single, size=40, seed=0, hard=1)) == {"match": 20, "hard": 20}
    assert kinds(sample_pairs(without_single, size=41, seed=0, hard=0)) == {"match": 21, "easy": 20}


def test_one_kind_of_negative_fills_in_for_the_other() -> None:
    assert kinds(sample_pairs(toys(car_1=4, car_2=4), size=12, seed=0)) == {"match": 6, "hard": 6}
    assert kinds(sample_pairs(toys(car_1=4, cow_1=4), size=12, seed=0)) == {"match": 6, "easy": 6}


def test_every_match_is_found_before_they_run_out_and_none_twice() -> None:
    pairs = sample_pairs(SHELF, size=1000, seed=3)
    assert kinds(pairs)["match"] == 6 * 10  # 5 choose 2 of each
    assert sum(not pair.label for pair in pairs) == 60
    assert len({frozenset((pair.path_a, pair.path_b)) for pair in pairs}) == len(pairs)


def test_instances_take_turns_and_give_as_many_negatives_as_matches() -> None:
    pairs = sample_pairs(toys(car_1=40, car_2=3, car_3=3, car_4=1), size=12, seed=5)
    matches = Counter(pair.path_a.parent.name for pair in pairs if pair.label)
    assert matches == {"car_1": 2, "car_2": 2, "car_3": 2}
    assert Counter(pair.path_a.parent.name for pair in pairs if not pair.label) == matches


def test_equal_arguments_give_equal_pairs() -> None:
    assert sample_pairs(SHELF, size=30, seed=1) == sample_pairs(SHELF[::-1], size=30, seed=1)
    assert sample_pairs(SHELF, size=30, seed=1) != sample_pairs(SHELF, size=30, seed=2)


def test_suits_is_asked_of_every_pair() -> None:
    pairs = sample_pairs(SHELF, size=20, seed=0, suits=lambda a, b: a.image.name == "0" and b.image.name != "0")
    assert {pair.path_a.name for pair in pairs} == {"0"}
    assert "0" not in {pair.path_b.name for pair in pairs}
    assert kinds(pairs)["match"] == 10


def test_no_match_is_an_error() -> None:
    with pytest.raises(PairsError, match="no instance"):
        sample_pairs(toys(car_1=1, car_2=1), size=4, seed=0)
