"""Training objects from a manifest: families, groups of look-alikes, which masks count, and backgrounds."""

from pathlib import Path

from scott_core.data.instances import read_manifest

ROWS = (
    ("grocery", "Milk", "arla", "catalogue", "train"),
    ("grocery", "Milk", "arla", "natural", "train"),
    ("grocery", "Juice", "bravo", "catalogue", "train"),
    ("grocery", "Apple", "granny", "catalogue", "train"),
    ("grocery", "Apple", "granny", "natural", "train"),
    ("grocery", "Lemon", "lemon", "catalogue", "train"),
    ("grocery", "Lemon", "held-out", "catalogue", "val"),
    ("magento_men", "shirt", "mt01", "main", "train"),
    ("magento_men_single", "shirt", "mt02", "single", "train"),
    ("davis", "bear", "bear", "frame", "train"),
    ("eth80c", "cup", "cup1", "any", "train"),
)


def test_a_manifest_gives_groups_of_look_alikes_and_backgrounds(tmp_path: Path) -> None:
    lines = ["image,mask,mask_kind,dataset,category,instance,role,split,licence"]
    for dataset, category, instance, role, split in ROWS:
        lines.append(
            f"{instance}-{role}.jpg,{instance}-{role}.png,pseudo,{dataset},{category},{instance},{role},{split},MIT"
        )
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    instances, backgrounds = read_manifest(tmp_path)
    found = {instance.name: instance for instance in instances}
    assert {name: (instance.family, instance.group) for name, instance in found.items()} == {
        "arla": ("package", "package"),
        "bravo": ("package", "package"),
        "mt01": ("apparel", "apparel/magento_men/shirt"),
        "mt02": ("apparel", "apparel/magento_men/shirt"),
    }
    views = {view.image.stem: view for instance in instances for view in instance.views}
    assert views["arla-natural"].mask == tmp_path / "arla-natural.png"
    assert {stem for stem, view in views.items() if view.cutout} == {
        *("arla-catalogue", "bravo-catalogue", "mt01-main", "mt02-single"),
    }
    assert {image.stem for image in backgrounds} == {
        *("arla-catalogue", "arla-natural", "bravo-catalogue"),
        *("granny-catalogue", "granny-natural", "lemon-catalogue", "bear-frame"),
    }
