"""Packs: what goes in and in which order, the limit on their bytes, and what comes out again."""

import csv
import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from scott_core.data import pack as packs
from scott_core.data.pack import is_pack, read_images, read_rows, read_val, write_pack
from scott_core.errors import InputError, PairsError, UnreadableImage
from scott_core.images import Letterbox


def noise(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three objects with 7 views, two with one, two backgrounds, one object of val and one of test, four val pairs."""
    root = tmp_path / "source"
    (root / "pairs").mkdir(parents=True)
    rows = []
    for split, name, role, n in (
        ("train", "many-1", "", 7), ("train", "single-1", "", 1), ("train", "ground", "frame", 2),
        ("train", "many-2", "", 7), ("train", "single-2", "natural", 1), ("train", "many-3", "", 7),
        ("val", "held-out", "", 6), ("test", "secret", "", 2),
    ):  # fmt: skip
        for view in range(n):
            image = noise(len(rows))
            path = f"{name}-{view}.png"
            image.save(root / path)
            mask = Image.new("L", image.size, 0)
            mask.paste(255, (10, 5, 40, 30))
            mask.save(root / f"m-{path}")
            rows.append([path, f"m-{path}", "d", "c", name, role, split, "CC0"])
    table(
        root / "manifest.csv", [["image", "mask", "dataset", "category", "instance", "role", "split", "licence"], *rows]
    )
    for n in range(4):
        noise(90 + n).save(root / f"v{n}.jpg", quality=90)
    pairs = [["../v0.jpg", "../v1.jpg", 1, "../m-many-1-0.png"], ["../v2.jpg", "../v3.jpg", 0, ""]]
    table(root / "pairs" / "val.csv", [["image_a", "image_b", "label", "mask_a"], *pairs])
    return root


def table(path: Path, rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def names(path: Path) -> list[str]:
    """The instances of a pack's images, in their order."""
    return [row.instance for row in read_rows(path)[1]]


def test_variety_comes_first(source: Path, tmp_path: Path) -> None:
    packed = write_pack([source], tmp_path / "all.pack", size=32)
    found = names(tmp_path / "all.pack")
    assert found[:6] == ["held-out"] * 6
    assert Counter(found[6:18]) == {"many-1": 4, "many-2": 4, "many-3": 4}
    assert found[6:9] == ["many-1", "many-2", "many-3"]
    assert found[18:20] == ["single-1", "single-2"]
    assert found[20:22] == ["ground"] * 2
    assert Counter(found[22:]) == {"many-1": 3, "many-2": 3, "many-3": 3}
    assert packed.left_out == {}
    assert packed.images == {"d, val": 6, "d, train": 25}
    assert packed.val_pairs == 2


def test_the_first_views_are_spread_over_all(source: Path, tmp_path: Path) -> None:
    write_pack([source], tmp_path / "all.pack", size=32)
    with zipfile.ZipFile(tmp_path / "all.pack") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    views = [int(row["source"].split("-")[2][0]) for row in rows if row["instance"] == "many-1"]
    assert views == [0, 4, 2, 6, 1, 5, 3]


@pytest.mark.parametrize("kib", [14, 17, 19])
def test_a_pack_is_never_larger_than_it_may_be_and_ends_where_the_whole_one_goes_on(
    source: Path, tmp_path: Path, kib: int
) -> None:
    write_pack([source], tmp_path / "all.pack", size=32)
    packed = write_pack([source], tmp_path / "small.pack", size=32, mib=kib / 1024)
    assert packed.bytes == (tmp_path / "small.pack").stat().st_size <= kib * 1024
    assert packed.bytes > 0.8 * kib * 1024
    small, whole = names(tmp_path / "small.pack"), names(tmp_path / "all.pack")
    assert small == whole[: len(small)]
    assert sum(packed.left_out.values()) == len(whole) - len(small) > 0


def test_equal_sources_give_equal_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("1.pack", "2.pack"):
        write_pack([source], tmp_path / name, size=32, mib=0.03)
    assert (tmp_path / "1.pack").read_bytes() == (tmp_path / "2.pack").read_bytes()


def test_images_are_scaled_as_for_inference_and_masks_are_where_they_were(source: Path, tmp_path: Path) -> None:
    write_pack([source], tmp_path / "all.pack", size=30)
    size, rows = read_rows(tmp_path / "all.pack")
    assert size == 30
    with zipfile.ZipFile(tmp_path / "all.pack") as archive:
        sources = [row["source"] for row in csv.DictReader(io.StringIO(archive.read("manifest.csv").decode()))]
    for row, path, data in zip(rows, sources, read_images(tmp_path / "all.pack", rows), strict=True):
        coded = Image.open(io.BytesIO(data))
        original = Image.open(source / path).convert("RGB")
        box = Letterbox.of(original, 30)
        wanted = box.apply(original)[box.top : box.top + box.height, box.left : box.left + box.width]
        light, wanted_light = (np.asarray(each.convert("L"), float) for each in (coded, Image.fromarray(wanted)))
        assert np.abs(light - wanted_light).mean() < 6, path  # chroma has half the resolution
        assert (coded.mode == "RGBA") == (row.role != "frame")
        if coded.mode == "RGBA":
            alpha = np.asarray(coded.getchannel("A"))
            assert set(np.unique(alpha)) == {0, 255}
            wanted_mask = np.zeros((20, 30), bool)
            wanted_mask[2:15, 5:20] = True  # half of (10, 5, 40, 30), edges at the middle of a pixel are inside
            assert (np.asarray(alpha > 0) != wanted_mask).mean() < 0.03


def test_a_mask_in_the_images_own_alpha_makes_a_cutout(tmp_path: Path) -> None:
    image = noise(1).convert("RGBA")
    alpha = Image.new("L", image.size, 0)
    alpha.paste(255, (20, 10, 50, 30))
    image.putalpha(alpha)
    image.save(tmp_path / "o.png")
    noise(2).save(tmp_path / "p.jpg")
    fields = ["image", "dataset", "category", "instance", "split"]
    table(tmp_path / "manifest.csv", [fields, ["o.png", "d", "c", "o", "train"], ["p.jpg", "d", "c", "p", "train"]])
    write_pack([tmp_path], tmp_path / "o.pack")
    _, (cutout, photograph) = read_rows(tmp_path / "o.pack")
    assert (cutout.role, photograph.role) == ("cutout", "")
    coded = Image.open(io.BytesIO(next(read_images(tmp_path / "o.pack", [cutout]))))
    np.testing.assert_array_equal(np.asarray(coded.getchannel("A")), np.asarray(alpha))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_mask_in_the_alpha_is_turned_with_its_image(tmp_path: Path, orientation: int) -> None:
    image = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (4, 4, 24, 12))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "o.png", exif=exif)
    table(
        tmp_path / "manifest.csv", [["image", "dataset", "category", "instance", "split"], ["o.png", *"dco", "train"]]
    )
    write_pack([tmp_path], tmp_path / "o.pack")
    coded = Image.open(io.BytesIO(next(read_images(tmp_path / "o.pack", read_rows(tmp_path / "o.pack")[1]))))
    red = np.asarray(coded.convert("RGB"), int)[..., 0] > 128
    np.testing.assert_array_equal(np.asarray(coded.getchannel("A")) > 0, red & (np.asarray(coded.getchannel("A")) > 0))
    turned = ImageOps.exif_transpose(Image.open(tmp_path / "o.png")).getchannel("A")
    np.testing.assert_array_equal(np.asarray(coded.getchannel("A")), np.asarray(turned))


def test_a_palettes_transparency_is_a_mask_and_an_opaque_alpha_is_none(tmp_path: Path) -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 255, 255, 0, 0, 255])
    image.paste(1, (10, 10, 30, 30))
    image.save(tmp_path / "p.png", transparency=0)
    noise(1).convert("RGBA").save(tmp_path / "o.png")
    rows = [["p.png", "d", "c", "p", "train"], ["o.png", "d", "c", "o", "train"]]
    table(tmp_path / "manifest.csv", [["image", "dataset", "category", "instance", "split"], *rows])
    write_pack([tmp_path], tmp_path / "p.pack")
    _, packed = read_rows(tmp_path / "p.pack")
    assert [row.role for row in packed] == ["cutout", ""]
    first, second = (Image.open(io.BytesIO(data)) for data in read_images(tmp_path / "p.pack", packed))
    assert (np.asarray(first.getchannel("A")) > 0).sum() == 400
    assert second.mode == "RGB"


def test_sources_may_be_named_in_both_ways(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    noise(5).save(other / "n.png")
    table(other / "manifest.csv", [["image", "dataset", "category", "instance", "split"], ["n.png", *"eco", "train"]])
    monkeypatch.chdir(tmp_path)
    write_pack([Path("source"), other], tmp_path / "both.pack")
    assert "o" in names(tmp_path / "both.pack")


@pytest.mark.parametrize("size", [0, 15, 1025])
def test_a_size_that_is_none_is_an_error(source: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(InputError, match="16 to 1024"):
        write_pack([source], tmp_path / "p.pack", size=size)


def test_the_limit_holds_for_ids_that_do_not_compress(source: Path, tmp_path: Path) -> None:
    lines = (source / "manifest.csv").read_text().splitlines()
    digits = iter(np.random.default_rng(0).integers(0, 256, (60, 40), np.uint8))
    strange = {name: bytes(next(digits)).hex() for name in ("many-1", "many-2", "many-3", "single-1", "ground")}
    for name, new in strange.items():
        lines = [line.replace(f",{name},", f",{new},") for line in lines]
    (source / "manifest.csv").write_text("\n".join(lines))
    for kib in range(13, 22):
        packed = write_pack([source], tmp_path / "small.pack", size=32, mib=kib / 1024)
        assert packed.bytes <= kib * 1024


def test_val_is_whole_and_byte_by_byte_what_it_was(source: Path, tmp_path: Path) -> None:
    write_pack([source], tmp_path / "all.pack", size=16)
    pairs, data = read_val(tmp_path / "all.pack")
    assert [pair.label for pair in pairs] == [1, 0]
    assert [data[pairs[n // 2].path_b if n % 2 else pairs[n // 2].path_a] for n in range(4)] == [
        (source / f"v{n}.jpg").read_bytes() for n in range(4)
    ]
    assert pairs[0].mask_a is not None
    with zipfile.ZipFile(tmp_path / "all.pack") as archive:
        assert (source / "m-many-1-0.png").read_bytes() in {archive.read(n) for n in archive.namelist() if "val/" in n}


def test_images_of_the_validation_pairs_are_not_packed_twice(source: Path, tmp_path: Path) -> None:
    table(
        source / "pairs" / "val.csv", [["image_a", "image_b", "label"], ["../held-out-0.png", "../held-out-1.png", 1]]
    )
    write_pack([source], tmp_path / "all.pack", size=32)
    assert names(tmp_path / "all.pack").count("held-out") == 4


def test_val_that_does_not_fit_is_an_error_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="2 validation pairs alone are larger"):
        write_pack([source], tmp_path / "out" / "tiny.pack", mib=0.002)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_image_that_cannot_be_read_is_named(source: Path, tmp_path: Path) -> None:
    (source / "many-1-3.png").write_bytes(b"no image")
    with pytest.raises(UnreadableImage, match=r"many-1-3\.png"):
        write_pack([source], tmp_path / "all.pack")
    (source / "many-1-3.png").unlink()
    noise(3, (50, 50)).save(source / "many-1-3.png")
    with pytest.raises(UnreadableImage, match=r"the mask of .*many-1-3\.png is \(60, 40\)"):
        write_pack([source], tmp_path / "all.pack")


def test_what_is_no_pack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    assert not is_pack(tmp_path / "text")
    for name in ("text", "other.zip", "missing"):
        with pytest.raises(PairsError, match="no pack that can be read"):
            read_rows(tmp_path / name)
    monkeypatch.setattr(packs, "FORMAT", 0)
    write_pack([source], tmp_path / "old.pack")
    monkeypatch.undo()
    with pytest.raises(PairsError, match="of format 0; 1 is expected"):
        read_val(tmp_path / "old.pack")
