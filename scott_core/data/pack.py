"""A pack: all data of a training run in one file, small enough to carry to another machine.

A pack is a ZIP archive that any tool opens:

    pack.json          {"format": FORMAT, "size": ...}
    manifest.csv       a row for each file of images/: COLUMNS, which are those of a source (`scott_core.data.sources`)
    images/N.webp      objects and backgrounds, at most `size` pixels a side, their mask, where known, as alpha
    pairs/val.csv      the validation pairs
    val/N.*            their images and masks, byte by byte as they were

Images go in by TIERS until the archive has the bytes that it may have; within a tier each object gives one view before
any gives its next. Masks are stored as 0 or 255: an antialiased alpha plane would take a third of the bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scott_core.data.sources import CUTOUT, Row, parse_manifest_row, read_sources
from scott_core.errors import InputError, PairsError, UnreadableImage
from scott_core.images import Letterbox, read_alpha, read_image
from scott_core.pairs import COLUMNS as PAIR_COLUMNS
from scott_core.pairs import Pair, parse_row, read_pairs

FORMAT = 1  # of the file; a reader refuses others
SIZE = 256  # px, longer side of an image by default
QUALITY = 40  # of lossy WebP: at 256 px a cut-out takes 2.3 kB and a photograph 3 to 6 kB; at 60 they take a fifth more
FIRST_VIEWS = 4  # views of each object with several that go in before objects with one
TIERS = ("validation", "first views of objects with several", "objects with one view", "backgrounds", "further views")
COLUMNS = ("image", "instance", "category", "split", "dataset", "family", "licence", "role", "source")
SIZES = (16, 1024)  # px, least and most
_AT_ONCE = 256  # images that are encoded ahead
_ENTRY_BYTES = 30 + 46  # both headers of a ZIP entry, beside its data and twice its name (PKWARE's APPNOTE 4.3)
_END_BYTES = 22 + 98  # the end of a ZIP archive: its record, and those of ZIP64 for more than 65,535 entries
_MANIFEST_SLACK = 1024  # bytes reserved for the manifest beyond its estimate


@dataclass(frozen=True)
class Packed:
    """The counts of a written pack."""

    images: dict[str, int]  # images by "family, split"
    left_out: dict[str, int]  # images left out by tier
    val_pairs: int
    bytes: int  # of the file


def write_pack(
    sources: Sequence[Path],
    out: Path,
    *,
    mib: float | None = None,
    size: int = SIZE,
    val: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> Packed:
    """Writes a pack of `sources` to `out`, of at most `mib` MiB; equal sources give equal bytes.

    `val` is the file of validation pairs, by default pairs/val.csv of the first source that has it. Images are at most
    `size` px a side. `progress` is called with the number of images just done. Raises PairsError for a source or pairs
    that cannot be read, and where the validation pairs alone are larger than `mib`; UnreadableImage for an image that
    cannot be read; InputError for a size out of SIZES.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"size is {size} px; {SIZES[0]} to {SIZES[1]} are possible")
    rows = read_sources(sources)
    val = val or next((path for source in sources if (path := source / "pairs" / "val.csv").is_file()), None)
    pairs = read_pairs(val) if val else []
    limit = mib * 2**20 if mib is not None else float("inf")
    partial = out.with_name(f"{out.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            packed = _fill(_Archive(archive, limit), rows, pairs, size, progress or (lambda _: None))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return Packed(*packed, bytes=out.stat().st_size)


def is_pack(path: Path) -> bool:
    """Whether `path` is a ZIP archive; whether it is a readable pack is checked by the functions that read it."""
    return zipfile.is_zipfile(path)


def read_rows(path: Path) -> tuple[int, list[Row]]:
    """The size of a pack's images in pixels, and a row for each image with its path in the pack. Raises PairsError."""
    with _opened(path) as (archive, size):
        listed = csv.DictReader(io.StringIO(archive.read("manifest.csv").decode()))
        return size, [parse_manifest_row(Path("manifest.csv"), listed.line_num, row) for row in listed]


def pack_digest(path: Path) -> str:
    """SHA-256, in hex, of the names and checksums of a pack's entries. Raises PairsError."""
    with _opened(path) as (archive, _):
        contents = [(entry.filename, entry.CRC) for entry in archive.infolist()]
    return hashlib.sha256(repr(contents).encode()).hexdigest()


def read_images(path: Path, rows: Iterable[Row]) -> Iterator[bytes]:
    """The bytes of each row's image. Raises PairsError."""
    with _opened(path) as (archive, _):
        for row in rows:
            yield archive.read(row.image.as_posix())


def read_val(path: Path) -> tuple[list[Pair], dict[Path, bytes]]:
    """The validation pairs of a pack, and the bytes of their images by the pairs' paths. Raises PairsError."""
    with _opened(path) as (archive, _):
        listed = csv.DictReader(io.StringIO(archive.read("pairs/val.csv").decode()))
        pairs = [parse_row(Path("pairs/val.csv"), listed.line_num, row) for row in listed]
        names = {name for pair in pairs for name in (pair.path_a, pair.path_b)}
        return pairs, {name: archive.read(os.path.normpath(name)) for name in names}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, int]]:
    """The archive and the size of its images. Raises PairsError for a file that is damaged or no pack of FORMAT."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("pack.json"))
            if about["format"] != FORMAT:
                raise PairsError(f"{path} is a pack of format {about['format']}; {FORMAT} is expected: pack it again")
            yield archive, int(about["size"])
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise PairsError(f"{path} is no pack that can be read (`scott pack` writes one): {error}") from error


class _Archive:
    """A ZIP archive with a limit on its bytes; entries have no date, so that equal contents give equal bytes."""

    def __init__(self, archive: zipfile.ZipFile, limit: float):
        self.archive = archive
        self.left = limit - _END_BYTES  # bytes

    def takes(self, name: str, data: bytes) -> bool:
        """Whether an entry, stored as it is, still fits."""
        return len(data) + _ENTRY_BYTES + 2 * len(name) <= self.left

    def add(self, name: str, data: bytes, *, deflate: bool = False) -> None:
        """Writes an entry, whether it fits or not."""
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
        self.archive.writestr(entry, data)
        self.left -= entry.compress_size + _ENTRY_BYTES + 2 * len(name)


def _fill(
    archive: _Archive, rows: list[Row], pairs: list[Pair], size: int, progress: Callable[[int], object]
) -> tuple[dict[str, int], dict[str, int], int]:
    """Writes the entries; returns the first three fields of Packed."""
    archive.add("pack.json", json.dumps({"format": FORMAT, "size": size}).encode())
    archive.add("pairs/val.csv", _add_val(archive, pairs).encode(), deflate=True)
    shown = {path.resolve() for pair in pairs for path in (pair.path_a, pair.path_b)}
    order = _in_order([row for row in rows if row.image.resolve() not in shown])
    base = Path(os.path.commonpath([row.image.resolve() for _, row in order])) if order else Path()
    fields = [_fields(n, row, base) for n, (_, row) in enumerate(order)]
    of_manifest = len(zlib.compress(_table(COLUMNS, fields).encode())) + _MANIFEST_SLACK  # of all rows
    archive.left -= of_manifest
    if archive.left < 0:
        raise PairsError(f"the {len(pairs)} validation pairs alone are larger than the pack may be: give more --mib")
    packed = 0
    for row_fields, (data, role) in zip(fields, _encoded([row for _, row in order], size), strict=True):
        if not archive.takes(row_fields[0], data):
            break
        archive.add(row_fields[0], data)
        row_fields[COLUMNS.index("role")] = role
        packed += 1
        progress(1)
    archive.left += of_manifest
    archive.add("manifest.csv", _table(COLUMNS, fields[:packed]).encode(), deflate=True)
    images = Counter(f"{row.family}, {row.split}" for _, row in order[:packed])
    left_out = Counter(tier for tier, _ in order[packed:])
    return dict(images), dict(left_out), len(pairs)


def _fields(number: int, row: Row, base: Path) -> list[str]:
    """The manifest's row; its role is replaced when the image is encoded."""
    about = [row.instance, row.category, row.split, row.dataset, row.family, row.licence]
    return [f"images/{number:05}.webp", *about, "photograph", row.image.resolve().relative_to(base).as_posix()]


def _add_val(archive: _Archive, pairs: list[Pair]) -> str:
    """Adds the images and masks of the validation pairs byte by byte; returns the text of their pairs file."""
    names: dict[Path, str] = {}
    for path in dict.fromkeys(p for pair in pairs for p in (pair.path_a, pair.path_b, pair.mask_a, pair.mask_b) if p):
        names[path] = f"val/{len(names):04}{path.suffix.lower()}"
        try:
            archive.add(names[path], path.read_bytes())
        except OSError as error:
            raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error
    lines = []
    for pair in pairs:
        label = "" if pair.label is None else str(pair.label)
        a, b, mask_a, mask_b = (
            f"../{names[path]}" if path else "" for path in (pair.path_a, pair.path_b, pair.mask_a, pair.mask_b)
        )
        lines.append([a, b, label, pair.kind, pair.family, mask_a, mask_b, pair.instance_a, pair.instance_b])
    return _table(PAIR_COLUMNS, lines)


def _table(columns: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A CSV file's text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *lines])
    return text.getvalue()


def _in_order(rows: list[Row]) -> list[tuple[str, Row]]:
    """Tier and row of all images but those of split test, in the order in which they go in."""
    instances: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.split != "test":
            instances[row.key].append(row)
    chosen = [
        (_tier(row, turn, len(views)), turn, row)
        for views in instances.values()
        for turn, row in enumerate(_spread(views))
    ]
    chosen.sort(key=lambda each: each[:2])
    return [(TIERS[tier], row) for tier, _, row in chosen]


def _tier(row: Row, turn: int, n_views: int) -> int:
    """The tier, as an index of TIERS, of view number `turn` of an instance with `n_views`."""
    if row.split == "val":
        return 0
    if not row.is_object:
        return 3
    if n_views == 1:
        return 2
    return 1 if turn < FIRST_VIEWS else 4


def _spread(views: list[Row]) -> list[Row]:
    """Views in the order of van der Corput's sequence (1935), base 2: its every beginning is spread over all views."""
    n = len(views)
    bits = max(n - 1, 1).bit_length()
    places = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)]
    return [views[place] for place in places if place < n]


def _encoded(rows: list[Row], size: int) -> Iterator[tuple[bytes, str]]:
    """`encode` of every row, in order, in threads."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            yield from pool.map(lambda row: encode(row, size), rows[start : start + _AT_ONCE])


def encode(row: Row, size: int) -> tuple[bytes, str]:
    """The row's image as lossy WebP, at most `size` px a side, with its mask as a binary alpha; and its role.

    The role is CUTOUT where the mask is the image's own alpha, which leaves nothing beside the object; else it is the
    row's. Raises UnreadableImage for an image or a mask that cannot be read, and for a mask of another size.
    """
    image, mask, is_cut = read_image(row.image), None, False
    if row.mask is not None:
        mask = read_image(row.mask).convert("L")
    elif (alpha := read_alpha(row.image)) is not None:
        mask, is_cut = alpha, True
    if mask is not None and mask.size != image.size:
        raise UnreadableImage(f"the mask of {row.image} is {mask.size} px; the image is {image.size}")
    if max(image.size) > size:
        box = Letterbox.of(image, size)
        image = image.resize((box.width, box.height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if mask is not None and row.is_object:
        image.putalpha(mask.resize(image.size, Image.Resampling.BOX).point([0] * 128 + [255] * 128))
    coded = io.BytesIO()
    image.save(coded, "WEBP", quality=QUALITY, method=4, exact=not is_cut)
    return coded.getvalue(), CUTOUT if is_cut and row.may_cut else row.role
