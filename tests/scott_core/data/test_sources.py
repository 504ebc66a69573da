"""Sources: manifests of any data set, nested manifests, pairs files; what does not fit is named and never dropped."""

from pathlib import Path

import pytest

from scott_core.data.sources import FAMILIES, Row, read_sources
from scott_core.errors import PairsError

HEADER = "image,mask,mask_kind,dataset,category,instance,role,split,licence"


def manifest(folder: Path, *rows: str, header: str = HEADER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def by_stem(rows: list[Row]) -> dict[str, Row]:
    return {row.image.stem: row for row in rows}


def test_what_a_row_serves_as(tmp_path: Path) -> None:
    source = manifest(
        tmp_path,
        "milk.jpg,milk.png,pseudo,grocery,Milk,arla,catalogue,train,MIT",
        "shelf.jpg,shelf.png,pseudo,grocery,Milk,arla,natural,train,MIT",
        "apple.jpg,,,grocery,Apple,granny,natural,train,MIT",
        "bear.jpg,bear.png,ground_truth,davis,bear,bear,frame,train,BSD",
        "mug.jpg,mug.png,hand,my shop,mug,mug-1,,train,our own",
        "pie.jpg,,,my shop,Apple,pie,,train,our own",
    )
    rows = by_stem(read_sources([source]))
    assert {stem: (row.family, row.is_object, row.may_cut) for stem, row in rows.items()} == {
        "milk": ("package", True, True),
        "shelf": ("package", True, False),
        "apple": ("package", False, False),
        "bear": ("scene", False, True),
        "mug": ("my shop", True, True),
        "pie": ("my shop", True, True),
    }
    assert rows["milk"].mask == tmp_path / "milk.png"
    assert rows["apple"].mask is None
    assert rows["mug"].licence == "our own"


def test_family_is_the_columns_then_the_kind_then_the_data_sets(tmp_path: Path) -> None:
    header = "image,dataset,category,instance,split,kind,family"
    manifest(tmp_path, "1.png,grocery,c,1,train,scan,toys", "2.png,grocery,c,2,train,scan,", header=header)
    manifest(tmp_path / "nested", "3.png,grocery,c,3,val,,", "4.png,other,c,4,test,,", header=header)
    rows = by_stem(read_sources([tmp_path]))
    assert {stem: row.family for stem, row in rows.items()} == {
        "1": "toys", "2": "scan", "3": FAMILIES["grocery"], "4": "other",
    }  # fmt: skip
    assert rows["3"].image == tmp_path / "nested" / "3.png"


def test_a_pairs_file_is_a_source_of_photographs(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "image_a,image_b,label,kind,family,mask_a,mask_b\n1.png,2.png,1,match,people,m1.png,\n1.png,3.png,0,hard,people,,\n"
    )
    rows = by_stem(read_sources([tmp_path / "p.csv"]))
    assert {row.instance for stem, row in rows.items() if stem in "12"} == {rows["1"].instance}
    assert rows["3"].instance != rows["1"].instance
    assert rows["3"].category == rows["1"].category
    assert rows["1"].mask == tmp_path / "m1.png"
    assert all(row.is_object and not row.may_cut and row.family == "people" for row in rows.values())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,,,d,c,,main,train,MIT", r"manifest\.csv:2: no instance"),
        (",,,d,c,i,main,train,MIT", r":2: no image"),
        ("a.jpg,,,,c,i,main,train,MIT", r":2: no dataset"),
        ("a.jpg,,,d,c,i,main,dev,MIT", r":2: split is 'dev'; one of train, val, test"),
        ("a.jpg,,,d,c,i,main,train,MIT,more", r":2: more fields than the header"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(PairsError, match=said):
        read_sources([manifest(tmp_path, row)])


def test_an_instance_that_is_two_things_is_named_and_ids_of_two_data_sets_may_be_alike(tmp_path: Path) -> None:
    rows = read_sources([manifest(tmp_path, "a.jpg,,,d,mug,1,,train,", "b.jpg,,,other,cup,1,,val,")])
    assert [row.key for row in rows] == [("d", "1"), ("other", "1")]
    with pytest.raises(PairsError, match="d: instance 1 is d/mug/train and d/cup/train"):
        read_sources([manifest(tmp_path, "a.jpg,,,d,mug,1,,train,", "b.jpg,,,d,cup,1,,train,")])


def test_a_source_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match=r"holds no manifest\.csv"):
        read_sources([tmp_path])
    with pytest.raises(PairsError, match="no column category, dataset"):
        read_sources([manifest(tmp_path, header="image,instance,split")])
    (tmp_path / "manifest.csv").write_bytes(b"image,\xff\xfe")
    with pytest.raises(PairsError, match="cannot be read"):
        read_sources([tmp_path])


def test_the_photographs_beside_the_checkout(shared_data: Path) -> None:
    rows = read_sources([shared_data])
    assert len(rows) == 6890 + 12350
    assert {row.family for row in rows if row.split == "train"} == {
        "package", "apparel", "garment", "scene", "scan", "cad", "cad_textured", "lowpoly", "photo",
    }  # fmt: skip
    assert all(row.licence for row in rows)
