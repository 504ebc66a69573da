"""Instances of a pairs file: views joined by matches, groups by hard negatives."""

from __future__ import annotations

from pathlib import Path

from scott_core.data.instances import Instance, View, read_pair_instances
from scott_core.data.sampling import sample_pairs
from scott_core.pairs import write_pairs


def test_a_pairs_file_gives_objects_and_their_look_alikes(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "image_a,image_b,label,kind,family,mask_a,mask_b\n"
        "1.png,2.png,1,match,f,1m.png,\n"
        "2.png,3.png,1,match,f,,3m.png\n"
        "4.png,5.png,1,match,f,,\n"
        "1.png,4.png,0,hard,f,,\n"
        "6.png,7.png,1,match,f,,\n"
        "6.png,8.png,0,easy,f,,\n"
        "9.png,1.png,,,f,,\n"
    )
    instances = read_pair_instances(tmp_path / "p.csv")
    found = {frozenset(view.image.stem for view in instance.views): instance for instance in instances}
    assert set(found) == {frozenset("123"), frozenset("45"), frozenset("67"), frozenset("8")}
    first, second = found[frozenset("123")], found[frozenset("45")]
    assert first.group == second.group != found[frozenset("67")].group == found[frozenset("8")].group
    assert {view.image.stem: view.mask and view.mask.stem for view in first.views} == {"1": "1m", "2": None, "3": "3m"}


def test_few_pairs_of_many_images_show_as_many_objects_as_there_are(tmp_path: Path) -> None:
    """A pair or two for each image join no more than a few of them: the names of the file join the others."""
    persons = {name: [tmp_path / f"{name}{i:03}.jpg" for i in range(400)] for name in "abc"}
    instances = [Instance(name, "f", "person", [View(image, None) for image in persons[name]]) for name in persons]
    pairs = sample_pairs(instances, size=800, seed=0)
    write_pairs(tmp_path / "p.csv", pairs)
    found = read_pair_instances(tmp_path / "p.csv")
    shown = {path for pair in pairs for path in (pair.path_a, pair.path_b)}
    assert sorted(sorted(view.image for view in instance.views) for instance in found) == [
        sorted(shown & set(images)) for images in persons.values()
    ]
    assert len({instance.group for instance in found}) == 1
