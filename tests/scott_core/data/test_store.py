"""The store: views, instances and groups lie where their tables say, pixels as inference would see them."""

import colorsys
import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from scott_core.data.pack import write_pack
from scott_core.data.store import Store, load_store, srgb_to_lab
from scott_core.errors import InputError

OBJECTS = (  # family, category, instance, role, views
    ("toy", "car", "car-1", "", 2), ("toy", "car", "car-2", "", 1), ("toy", "car", "car-3", "", 3),
    ("toy", "cow", "cow-1", "", 1), ("toy", "cup", "cup-1", "", 2),
    ("box", "milk", "milk-1", "natural", 1), ("box", "milk", "milk-2", "", 1),
    ("street", "street", "street", "frame", 2),
)  # fmt: skip


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every object in a hue of its own on a grey ground, its mask beside it; street is noise."""
    root = tmp_path_factory.mktemp("store")
    rows = []
    for number, (family, category, instance, role, views) in enumerate(OBJECTS):
        for view in range(views):
            colour = tuple(round(255 * c) for c in colorsys.hsv_to_rgb(number / 12, 1, 0.5 + view / 10))
            image, mask = Image.new("RGB", (64, 32), (128, 128, 128)), Image.new("L", (64, 32), 0)
            image.paste(colour, (16, 8, 48, 24))
            mask.paste(255, (16, 8, 48, 24))
            if role == "frame":
                blocks = np.random.default_rng(view).integers(0, 256, (4, 8, 3), np.uint8)
                image = Image.fromarray(blocks).resize((64, 32), Image.Resampling.NEAREST)
            image.save(root / f"{instance}-{view}.png")
            mask.save(root / f"m-{instance}-{view}.png")
            rows.append([f"{instance}-{view}.png", f"m-{instance}-{view}.png", instance, category, family, role])
    with (root / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "mask", "instance", "category", "dataset", "role", "split"])
        table.writerows([*row, "train"] for row in rows)
    write_pack([root], root / "p.pack", size=32)
    return root / "p.pack"


FAMILIES = {"toy": 1.0, "box": 1.0}


def hues(store: Store, category: int) -> set[int]:
    """The objects of a category by their hue, from the pixels alone."""
    found = set()
    first, count = int(store.first_instance[category]), int(store.n_instances[category])
    for instance in range(first, first + count):
        start, views = int(store.first_view[instance]), int(store.n_views[instance])
        of_views = set()
        for view in range(start, start + views):
            inside = store.rgba[view, 3] > 127
            rgb = [float(store.rgba[view, c][inside].float().mean()) / 255 for c in range(3)]
            assert store.category[view] == category
            of_views.add(round(colorsys.rgb_to_hsv(*rgb)[0] * 12) % 12)
        assert len(of_views) == 1, "views of one instance"
        found |= of_views
    return found


def test_views_of_an_instance_and_instances_of_a_category_lie_together(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2)
    found = sorted((family, hues(store, n)) for n, family in enumerate(store.families))
    assert found == [("box", {5, 6}), ("toy", {0, 1, 2}), ("toy", {3, 4})]  # a cow and a cup are too few alone
    assert store.largest_category == 3
    assert store.rgba.shape == (13, 4, 32, 32)


def test_small_categories_join_a_large_one_where_they_are_too_few(pack: Path) -> None:
    store = load_store(pack, {"toy": 1.0, "box": 0.0}, group_size=3)
    assert store.families == ("toy",)
    assert hues(store, 0) == {0, 1, 2, 3, 4}


def test_a_family_of_too_few_objects_is_named_unless_it_is_left_out(pack: Path) -> None:
    with pytest.raises(InputError, match="family box has 2 objects; groups of 3"):
        load_store(pack, FAMILIES, group_size=3)


def test_a_family_without_a_weight_is_named_and_one_of_none_is_left_out(pack: Path) -> None:
    with pytest.raises(InputError, match="no weight for box of"):
        load_store(pack, {"toy": 1.0}, group_size=2)
    assert load_store(pack, {"toy": 0.0, "box": 2.0}, group_size=2).families == ("box",)
    with pytest.raises(InputError, match="no objects of split train whose family has a weight"):
        load_store(pack, {"toy": 0.0, "box": 0.0}, group_size=2)


def test_objects_of_a_category_that_is_left_out_are_not_there(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2, left_out=["car"])
    assert sorted(store.families) == ["box", "toy"]
    toys = store.families.index("toy")
    assert hues(store, toys) == {
        number for number, (_, category, *_) in enumerate(OBJECTS) if category in ("cow", "cup")
    }


def test_pixels_lie_as_inference_lays_them(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2)
    assert store.content.unique(dim=0).tolist() == [[0, 8, 32, 24]]
    assert (store.rgba[:, :3, :8] == 255).all()
    objects = store.has_mask
    assert store.box[objects].unique(dim=0).tolist() == [[8, 12, 24, 20]]
    assert int(objects.sum()) == 11
    assert (store.rgba[~objects, 3] == 0).all()


def test_what_may_be_cut_out_and_what_may_stand_behind(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2)
    natural = 1
    assert len(store.cutouts) == int(store.may_cut.sum()) == 11 - natural
    assert bool(store.has_ground.all())  # no image has an alpha of its own
    assert store.scenes.tolist() == [11, 12]  # noise; plain grey is no scene


def test_the_nearest_are_the_nearest_in_colour(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2)
    category = store.n_instances.tolist().index(3)
    first = int(store.first_instance[category])
    rgb = [store.rgba[int(store.first_view[i]), :3, 16, 16].numpy() / 255.0 for i in range(first, first + 3)]
    lab = cv2.cvtColor(np.float32([rgb]), cv2.COLOR_RGB2LAB)[0]
    distance = np.linalg.norm(lab[:, None] - lab, axis=2) + np.diag([np.inf] * 3)
    assert (store.nearest[first : first + 3, 0] - first).tolist() == distance.argmin(1).tolist()
    for instance, row in enumerate(store.nearest):
        assert instance not in row


def test_lab_is_opencvs() -> None:
    rgb = np.random.default_rng(0).random((50, 3))
    wanted = cv2.cvtColor(rgb.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0]
    np.testing.assert_allclose(np.stack([srgb_to_lab(colour) for colour in rgb]), wanted, atol=0.5)


def test_a_split_without_objects_is_an_error(pack: Path) -> None:
    with pytest.raises(InputError, match="holds no objects of split val"):
        load_store(pack, FAMILIES, group_size=2, split="val")


def test_a_store_moves_whole(pack: Path) -> None:
    store = load_store(pack, FAMILIES, group_size=2)
    moved = store.to(torch.device("meta"))
    assert moved.rgba.is_meta
    assert moved.nearest.is_meta
    assert moved.families == store.families
