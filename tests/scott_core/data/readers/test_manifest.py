"""Manifests: a catalogue image and another one, hard negatives within a category, masks where there are any."""

from pathlib import Path

import pytest

from scott_core.data.readers import manifest
from scott_core.errors import PairsError

HEADER = "image,mask,mask_kind,dataset,category,instance,role,split,licence"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    rows = [
        f"images/{name}_{role}.jpg,{mask},pseudo,{dataset},{category},{name},{role},{split},MIT"
        for dataset, category, name, roles, split in (
            ("grocery", "Milk", "arla", ("catalogue", "p1", "p2"), "train"),
            ("grocery", "Milk", "valio", ("catalogue", "p1", "p2"), "train"),
            ("grocery", "Apple", "granny", ("catalogue", "p1"), "train"),
            ("magento_men", "shirt", "mt01", ("back", "main"), "train"),
            ("magento_men", "shirt", "mt02", ("0", "alt1"), "train"),
            ("magento_men_single", "shirt", "mt03", ("single",), "train"),
            ("clothing5k", "Hat", "hat", ("single",), "train"),
            ("davis", "bear", "bear", ("frame", "frame"), "train"),
            ("grocery", "Milk", "other", ("catalogue", "p1"), "test"),
        )
        for role in roles
        for mask in [f"masks/{name}_{role}.png" if role == "catalogue" else ""]
    ]
    (tmp_path / "manifest.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def test_pairs_of_a_split(shop: Path) -> None:
    pairs = manifest.read(shop, "train")
    names = [(pair.path_a.stem, pair.path_b.stem) for pair in pairs if pair.label]
    assert sorted(names) == [
        ("arla_catalogue", "arla_p1"),
        ("arla_catalogue", "arla_p2"),
        ("mt01_main", "mt01_back"),
        ("mt02_0", "mt02_alt1"),
        ("valio_catalogue", "valio_p1"),
        ("valio_catalogue", "valio_p2"),
    ]
    assert {pair.path_a.stem for pair in pairs} == {"arla_catalogue", "mt01_main", "mt02_0", "valio_catalogue"}
    assert {pair.path_b.stem for pair in pairs} <= {b for _, b in names} | {"mt03_single"}
    assert len(pairs) == 12
    category = {"arla": "Milk", "valio": "Milk", "mt01": "shirt", "mt02": "shirt", "mt03": "shirt"}
    for pair in pairs:
        a, b = pair.path_a.stem.split("_")[0], pair.path_b.stem.split("_")[0]
        assert pair.kind == ("match" if a == b else "hard" if category[a] == category[b] else "easy")
        assert pair.family == ("package" if category[a] == "Milk" else "apparel")
        assert pair.mask_a == (shop / f"masks/{a}_catalogue.png" if category[a] == "Milk" else None)
        assert pair.mask_b is None


def test_data_sets_may_use_the_same_names(tmp_path: Path) -> None:
    """Instance 1 of one data set is not instance 1 of the other, and their categories are not look-alikes."""
    rows = [f"{name}/{i}.jpg,,,{name},shirt,1,,train,MIT" for name in ("magento_men", "clothing5k") for i in (0, 1)]
    (tmp_path / "manifest.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    pairs = manifest.read(tmp_path, "train")
    matches = sorted((pair.path_a.parent.name, pair.path_b.parent.name) for pair in pairs if pair.label)
    assert matches == [("clothing5k", "clothing5k"), ("magento_men", "magento_men")]
    assert {pair.kind for pair in pairs if not pair.label} == {"easy"}


def test_seed_and_size(shop: Path) -> None:
    assert len(manifest.read(shop, "train", size=4)) == 4
    assert manifest.read(shop, "train", seed=1) == manifest.read(shop, "train", seed=1)
    assert manifest.read(shop, "train", seed=1) != manifest.read(shop, "train", seed=2)


def test_the_projects_own_photographs(shared_data: Path) -> None:
    pairs = manifest.read(shared_data, "val")
    assert len(pairs) > 100
    assert sum(bool(pair.label) for pair in pairs) * 2 == len(pairs)
    assert all(
        path.is_file() for pair in pairs for path in (pair.path_a, pair.path_b, pair.mask_a, pair.mask_b) if path
    )


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match=r"manifest\.csv cannot be read"):
        manifest.read(tmp_path, "train")
    (tmp_path / "manifest.csv").write_text("image,mask,dataset,category,instance,split\n")
    with pytest.raises(PairsError, match="no instance has two"):
        manifest.read(tmp_path, "train")
    (tmp_path / "manifest.csv").write_text("image,mask,dataset,category,split\n")
    with pytest.raises(PairsError, match="no column instance"):
        manifest.read(tmp_path, "train")
    (tmp_path / "manifest.csv").write_text(f"{HEADER}\na.jpg,,,d,c,,main,train,MIT\n")
    with pytest.raises(PairsError, match=":2: no instance"):
        manifest.read(tmp_path, "train")
