"""The pairs of a step: its negatives are of other instances, and look-alikes first."""

from __future__ import annotations

import torch

from scott_core.data.chance import Chance
from scott_core.training.objective import draw_columns, pair_grid, repeated


def test_negatives_are_of_other_instances_the_first_of_the_same_group() -> None:
    instance, group = torch.arange(6), torch.tensor([0, 0, 0, 1, 1, 1])
    i, j = pair_grid(instance, group, 2, Chance(0, 0, torch.device("cpu")))
    assert i[:6].tolist() == j[:6].tolist() == list(range(6))
    assert (i[6:] != j[6:]).all()
    assert (group[i[6:12]] == group[j[6:12]]).all()
    likeness = torch.zeros(6, 6)
    likeness[:, 4] = 100.0  # everything looks like object 4
    _, j = pair_grid(instance, group, 2, Chance(0, 0, torch.device("cpu")), likeness)
    assert (j[12:] == 4).sum() >= 5


def test_an_instance_that_is_in_two_groups_is_no_negative_of_itself() -> None:
    instance, group = torch.tensor([7, 1, 7, 2]), torch.tensor([0, 0, 1, 1])
    likeness = torch.tensor([[9.0, 0, 9, 0], [0, 9, 0, 0], [9, 0, 9, 0], [0, 0, 0, 9]])
    for step in range(200):
        i, j = pair_grid(instance, group, 2, Chance(0, step, torch.device("cpu")), likeness)
        assert (instance[i[4:]] != instance[j[4:]]).all()
    assert repeated(instance).nonzero().tolist() == [[0, 2], [2, 0]]


def test_negatives_are_drawn_in_proportion_to_their_weights() -> None:
    weight = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 2.0]])
    drawn = torch.stack([draw_columns(weight, Chance(1, k, torch.device("cpu"))) for k in range(2000)])
    found = torch.stack([(drawn == column).float().mean(0) for column in range(3)], 1)
    torch.testing.assert_close(found, weight / weight.sum(1, keepdim=True), rtol=0, atol=0.04)
