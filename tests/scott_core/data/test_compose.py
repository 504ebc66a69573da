"""Training images and their masks: aligned to the pixel, through every warp and before every ground."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates
from scipy.special import expit
from torch import Tensor

from scott_core.data import warps
from scott_core.data.chance import Chance
from scott_core.data.compose import AVERAGED_BELOW, Composer, Shown
from scott_core.data.recipe import Recipe
from scott_core.data.store import NEAREST, Store
from scott_core.data.warps import GRID, Placement

CPU = torch.device("cpu")
SIDE = 64  # of the store's square
SIZE = 48  # of a training image
# Nothing but geometry: the object's own colours, before its ground.
BARE = Recipe(light=0, low_resolution=0, blur=0, grey=0, jpeg=0, occluder=0, distractor=0, plain=1, as_photographed=0)
WARPED = replace(BARE, bend=0.08, fold=1.0)


@dataclass(frozen=True)
class Source:
    """One image of a store, an instance of its own."""

    rgba: NDArray[np.uint8]  # [SIDE, SIDE, 4]
    content: tuple[int, int, int, int] = (0, 0, SIDE, SIDE)
    may_cut: bool = True
    has_ground: bool = False


def store_of(objects: Sequence[Source], scenes: Sequence[Source] = (), family: str = "garment") -> Store:
    """A store of one group; the scenes show no object."""
    sources = [*objects, *scenes]
    n, total = len(objects), len(sources)
    boxes, has_mask = [], []
    for source in sources:
        rows, columns = (np.flatnonzero((source.rgba[..., 3] > 127).any(axis)) for axis in (1, 0))
        has_mask.append(len(rows) > 0)
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else source.content)
    return Store(
        families=(family,),
        largest_category=n,
        rgba=torch.from_numpy(np.stack([source.rgba for source in sources]).transpose(0, 3, 1, 2).copy()),
        content=torch.tensor([source.content for source in sources], dtype=torch.float32),
        box=torch.tensor(np.array(boxes), dtype=torch.float32),
        has_mask=torch.tensor(has_mask),
        may_cut=torch.tensor([source.may_cut for source in sources]),
        has_ground=torch.tensor([source.has_ground for source in sources]),
        category=torch.zeros(total, dtype=torch.int64),
        first_view=torch.arange(n),
        n_views=torch.ones(n, dtype=torch.int64),
        first_instance=torch.tensor([0]),
        n_instances=torch.tensor([n]),
        nearest=torch.arange(NEAREST).repeat(n, 1) % n,
        cutouts=torch.tensor([k for k in range(n) if objects[k].may_cut], dtype=torch.int64),
        scenes=torch.arange(n, total),
    )


def shape(k: int) -> NDArray[np.uint8]:
    """The mask of a triangle, an L, a ring or a slanted bar, 255 inside, [SIDE, SIDE]."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if k % 4 == 0:
        cv2.fillPoly(mask, [np.array([(8, 50), (30, 6), (55, 44)], np.int32)], 255)
    elif k % 4 == 1:
        mask[10:60, 20:30] = mask[50:60, 20:50] = 255
    elif k % 4 == 2:
        cv2.circle(mask, (31, 33), 26, 255, thickness=9)
    else:
        cv2.fillPoly(mask, [np.array([(4, 40), (50, 10), (58, 22), (12, 52)], np.int32)], 255)
    return mask


def cutout(k: int, colour: tuple[int, int, int] = (255, 255, 255)) -> Source:
    """Shape k in one colour; what lies beside it is noise that must not be seen."""
    mask = shape(k)
    rgb = np.random.default_rng(k).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    rgb[mask > 0] = colour
    return Source(np.dstack([rgb, mask]))


def photograph(mask: NDArray[np.uint8], content: tuple[int, int, int, int]) -> Source:
    """A photograph whose red is its mask and nothing else; white around its content, as letterboxed."""
    x0, y0, x1, y1 = content
    rgba = np.full((SIDE, SIDE, 4), 255, np.uint8)
    rgba[y0:y1, x0:x1, :3] = 0
    rgba[..., 3] = 0
    rgba[y0:y1, x0:x1, 0] = rgba[y0:y1, x0:x1, 3] = mask[y0:y1, x0:x1]
    return Source(rgba, content, may_cut=False, has_ground=True)


def plain_photograph(colour: tuple[int, int, int]) -> Source:
    """A photograph of one colour that fills its square, without a mask."""
    rgba = np.full((SIDE, SIDE, 4), (*colour, 0), np.uint8)
    return Source(rgba, may_cut=False, has_ground=True)


CUTOUTS = [cutout(k) for k in range(4)]


def show(store: Store, recipe: Recipe, seed: int, view: Sequence[int], group: Sequence[int] | None = None) -> Shown:
    """Training images of views of the only group; all are of one group of the batch unless `group` says otherwise."""
    views = torch.tensor(view)
    groups = torch.zeros_like(views) if group is None else torch.tensor(group)
    return Composer(store, recipe, SIZE).show(views, groups, Chance(seed, 0, CPU))


@dataclass(frozen=True)
class Read:
    """What a composer was to read: the arguments of Composer._read."""

    view: Tensor
    box: Tensor
    placement: Placement
    scale: Tensor
    photographed: Tensor


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """Fills with what composers read; they go on as ever."""
    found: list[Read] = []
    read = Composer._read

    def spy(self: Composer, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        found.append(Read(*arguments))
        return read(self, *arguments)

    monkeypatch.setattr(Composer, "_read", spy)
    return found


@pytest.fixture
def black(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object stands before black, and no fold darkens it."""
    monkeypatch.setattr(Composer, "_ground", lambda self, group, chance: torch.zeros(len(group), 3, SIZE, SIZE))
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)


def expected_mask(alpha: NDArray[np.float64], read: Read, n: int) -> NDArray[np.float64]:
    """The mask of image n by SciPy, from alpha [h, h] in [0, 1] of the whole square: linear, 0 outside."""
    placement = Placement(*(getattr(read.placement, name)[n] for name in Placement.__dataclass_fields__))
    matrix, centre, bend, normal = (
        each.double().numpy() for each in (placement.matrix, placement.centre, placement.bend, placement.fold_normal)
    )
    line = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    p = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    knots = np.linspace(-0.5, 0.5, GRID)
    control = np.stack(np.meshgrid(knots, knots), -1).reshape(-1, 2)
    q = (p - centre) @ matrix.T + RBFInterpolator(control, bend, kernel="thin_plate_spline", degree=1)(p)
    across = q @ normal - placement.fold_offset.item()
    q += placement.fold_depth.item() * expit(warps.FOLD_SHARPNESS * across)[:, None] * normal
    x0, y0, x1, y1 = read.box[n].tolist()
    source = (q * max(x1 - x0, y1 - y0) + ((x0 + x1) / 2, (y0 + y1) / 2)) * len(alpha) / SIDE - 0.5
    return map_coordinates(alpha, source.T[::-1], order=1, mode="grid-constant").reshape(SIZE, SIZE)


@pytest.mark.usefixtures("black")
@pytest.mark.parametrize("level", [255, 100])
def test_masks_are_aligned_to_the_pixel(level: int, reads: list[Read]) -> None:
    store = store_of([cutout(k, (level, level, level)) for k in range(4)])
    for seed in range(30):
        shown = show(store, WARPED, seed, [0, 1, 2, 3] * 2)
        assert shown.has_mask.all()
        assert shown.masks.flatten(1).sum(1).min() > 20
        difference = (shown.images - shown.masks * level / 255).abs()
        # An opacity below 1/1000 is drawn a little too faint, so that no division by it gets out of hand.
        assert difference[(shown.masks >= 1e-3).expand_as(difference)].max() < 1e-5
        assert difference.max() < 1e-3
    assert all((read.placement.fold_depth > 0.04).all() for read in reads)
    assert all(read.placement.bend.std() > 0.05 for read in reads)


def test_masks_are_those_of_an_independent_warp(reads: list[Read], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Composer, "_averaged", 0.0)
    store = store_of(CUTOUTS)
    for seed in range(12):
        mask = show(store, WARPED, seed, [seed % 4]).masks[0, 0].numpy()
        expected = expected_mask(shape(seed) / 255, reads[-1], 0)
        assert expected.sum() > 20
        np.testing.assert_allclose(mask, expected, atol=2e-3)


def test_what_is_scaled_down_most_is_read_from_averages(reads: list[Read]) -> None:
    store = store_of(CUTOUTS)
    n_averaged = round(6 * Composer(store, WARPED, SIZE)._averaged)
    wrong = 0
    for seed in range(6):
        masks = show(store, WARPED, seed, [0, 1, 2, 3, 0, 1]).masks
        box = reads[-1].box
        zoom = reads[-1].scale * SIZE / (box[:, 2:] - box[:, :2]).amax(1)
        down_most = zoom.argsort()[:n_averaged].tolist()
        wrong += abs(int((zoom < AVERAGED_BELOW).sum()) - n_averaged)
        for n in range(6):
            alpha = shape(n % 4) / 255
            if n in down_most:
                alpha = alpha.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3))
            np.testing.assert_allclose(masks[n, 0].numpy(), expected_mask(alpha, reads[-1], n), atol=2e-3)
    assert 1 < n_averaged < 5
    assert wrong < 12  # of 36, by chance


def test_photographs_are_never_read_from_averages() -> None:
    store = store_of([plain_photograph((10, 20, 30))] * 3)
    assert Composer(store, Recipe(), SIZE)._averaged == 0


RECTANGLE = np.zeros((SIDE, SIDE), np.uint8)
RECTANGLE[16:48, 14:40] = 255
CONTENTS = [(0, 8, SIDE, 56), (6, 0, 50, SIDE), (0, 0, SIDE, SIDE), (10, 12, 44, 52)]


def test_photographs_are_cropped_and_their_masks_follow(reads: list[Read]) -> None:
    store, recipe = store_of([photograph(RECTANGLE, content) for content in CONTENTS]), replace(BARE, crop_loss=0.12)
    view = [0, 1, 2, 3] * 2
    line = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    p = np.stack(np.meshgrid(line, line))
    for seed in range(20):
        shown = show(store, recipe, seed, view)
        red, green, blue = shown.images.numpy().transpose(1, 0, 2, 3)
        np.testing.assert_allclose(red - green, shown.masks[:, 0], atol=2e-4)
        np.testing.assert_allclose(blue, green, atol=1e-6)
        for n, box in enumerate(reads[-1].box.numpy()):
            content = store.content[view[n]].numpy()
            assert (box[:2] >= content[:2]).all()
            assert (box[2:] <= content[2:]).all()
            extent = box[2:] - box[:2]
            source = p * extent.max() + (box[:2] + box[2:])[:, None, None] / 2
            in_frame = (np.abs(p) < (extent / extent.max() / 2)[:, None, None]).all(0)
            assert (shown.images[n].numpy()[:, ~in_frame] == 1).all()
            # What lies around the content is at most one pixel of the source away where averages of 2 x 2 are read.
            clear = in_frame & (source >= content[:2, None, None] + 1).all(0)
            clear &= (source <= content[2:, None, None] - 1).all(0)
            assert clear.sum() > 0.8 * in_frame.sum()
            assert green[n][clear].max() < 2e-4


def test_a_crop_keeps_most_of_the_object(reads: list[Read]) -> None:
    store = store_of([photograph(RECTANGLE, content) for content in CONTENTS])
    kept = []
    for loss in (0.0, 0.12):
        for seed in range(40):
            masks = show(store, replace(BARE, crop_loss=loss), seed, [0, 1, 2, 3]).masks
            box = reads[-1].box
            longer = (box[:, 2:] - box[:, :2]).amax(1)
            share = masks.sum((1, 2, 3)) * (longer / SIZE) ** 2 / (RECTANGLE > 0).sum()
            seen = (torch.minimum(box, store.box)[:, 2:] - torch.maximum(box, store.box)[:, :2]).prod(1)
            np.testing.assert_allclose(share, seen / (RECTANGLE > 0).sum(), atol=0.05)
            assert seen.min() >= (1 - 2 * loss) ** 2 * (RECTANGLE > 0).sum() - 0.1
            kept.append(seen / (RECTANGLE > 0).sum())
    whole, cropped = torch.stack(kept).chunk(2)
    assert (whole > 0.999).all()
    assert 0.05 < (cropped < 0.999).float().mean() < 0.95  # some are cut, others whole


@pytest.mark.parametrize("loss", [0.0, 0.12])
def test_a_photograph_of_one_colour_stays_of_one_colour(loss: float) -> None:
    """No edge is darkened by what lies around the square."""
    store = store_of([plain_photograph((200, 120, 60))] * 8)
    for seed in range(20):
        images = show(store, replace(BARE, crop_loss=loss), seed, range(8)).images
        in_frame = images.amin(1) < 0.99
        for channel, value in enumerate((200, 120, 60)):
            np.testing.assert_allclose(images[:, channel][in_frame], value / 255, atol=1e-3)


def test_only_a_photograph_that_has_a_ground_keeps_it(reads: list[Read]) -> None:
    ground = replace(cutout(0), has_ground=True)
    store = store_of([cutout(0), ground, plain_photograph((90, 90, 90))] * 20)
    shown = show(store, replace(BARE, as_photographed=0.4), 0, range(60))
    cut, with_ground, photographed = reads[-1].photographed.view(20, 3).T
    assert not cut.any()
    assert 0.1 < with_ground.float().mean() < 0.7
    assert photographed.all()
    assert shown.has_mask.tolist() == [True, True, False] * 20
    assert not shown.masks[2::3].any()


def test_what_an_occluder_hides_is_taken_out_of_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 8
    level = torch.arange(1, n + 1) / (n + 1)

    def blue(self: Composer, group: Tensor, chance: Chance) -> Tensor:
        return torch.stack([torch.zeros(n), torch.zeros(n), level], 1)[:, :, None, None].repeat(1, 1, SIZE, SIZE)

    monkeypatch.setattr(Composer, "_ground", blue)
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)
    store = store_of(CUTOUTS)
    hidden_share = []
    for seed in range(40):
        free = show(store, WARPED, seed, [0, 1, 2, 3] * 2)
        occluded = show(store, replace(WARPED, occluder=1.0, occluder_side=0.9), seed, [0, 1, 2, 3] * 2)
        hidden = occluded.masks != free.masks
        assert (occluded.masks[hidden] == 0).all()
        share = 1 - occluded.masks.sum((1, 2, 3)) / free.masks.sum((1, 2, 3))
        assert share.max() <= 0.5 + 1e-6
        hidden_share.append(share)
        red, blues = occluded.images[:, :1], occluded.images[:, 2:]
        np.testing.assert_allclose(red, occluded.masks, atol=1e-3)
        own = level.view(n, 1, 1, 1).expand_as(blues)
        assert ((blues - own).abs()[hidden] > 0.1).all()  # another image's ground is seen there
        assert (torch.isclose(blues[hidden][:, None], level, atol=1e-5)).any(1).all()
    every = torch.stack(hidden_share)
    assert (every > 0.02).float().mean() > 0.3
    assert every.max() > 0.3


def test_no_more_than_the_share_is_occluded() -> None:
    store = store_of(CUTOUTS)
    counts = []
    for seed in range(30):
        free, occluded = (show(store, replace(WARPED, occluder=share), seed, [0, 1, 2, 3] * 2) for share in (0, 0.25))
        counts.append(int((free.images != occluded.images).flatten(1).any(1).sum()))
    assert max(counts) == 2  # of 8


@pytest.mark.parametrize("change", [{"plain": 0.0}, {"distractor": 1.0}, {"plain": 0.0, "distractor": 1.0}])
def test_scenes_and_distractors_stay_behind_the_object(change: dict[str, float]) -> None:
    store = store_of([cutout(k, (220, 10 + 60 * k, 10)) for k in range(4)], [plain_photograph((90, 90, 90))])
    n_moved = []
    for seed in range(15):
        before, after = (show(store, recipe, seed, [0, 1, 2, 3]) for recipe in (WARPED, replace(WARPED, **change)))
        assert torch.equal(before.masks, after.masks)
        solid = (before.masks > 0.9999).expand(-1, 3, -1, -1)
        np.testing.assert_allclose(after.images[solid], before.images[solid], atol=1e-3)
        moved = (before.images - after.images).abs().amax(1, keepdim=True) > 0.02
        n_moved.append((moved & (before.masks < 1e-3)).sum((1, 2, 3)))
    assert (torch.stack(n_moved) > 20).float().mean() > 0.8  # beside the object there is another ground


def test_a_distractor_stands_on_the_ground_and_does_not_replace_it(monkeypatch: pytest.MonkeyPatch) -> None:
    blue = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(-1, -1, SIZE, SIZE)
    monkeypatch.setattr(Composer, "_plain", lambda self, n, chance: blue.expand(n, -1, -1, -1))
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)
    store = store_of([cutout(k, (255, 0, 0)) for k in range(4)])
    for seed in range(10):
        shown = show(store, replace(WARPED, distractor=1.0), seed, [0, 1, 2, 3] * 2)
        red, green, blues = shown.images.unbind(1)
        np.testing.assert_allclose(red + blues, 1, atol=2e-3)  # any pixel is a blend of ground and objects
        assert green.max() < 2e-3
        assert (red + 2e-3 >= shown.masks[:, 0]).all()


def test_a_group_shares_its_scenes() -> None:
    colours = [(250 - 12 * k, 20, 10 + 12 * k) for k in range(20)]
    store = store_of(CUTOUTS, [plain_photograph(colour) for colour in colours])
    recipe = replace(BARE, plain=0.0, scenes=2, smallest=0.1, largest=0.15, close_up=0.0)
    group = [0] * 12 + [1] * 12
    several = 0
    for seed in range(10):
        shown = show(store, recipe, seed, [0, 1, 2, 3] * 6, group)
        middle = shown.images.flatten(2).median(2).values.mul(255).round().int()  # the ground, about a small object
        seen = [{tuple(colour) for colour in middle[12 * g : 12 * g + 12].tolist()} for g in range(2)]
        assert all(each <= set(colours) for each in seen)
        assert max(map(len, seen)) <= 2
        several += seen[0] != seen[1]
    assert several >= 8


def test_the_share_before_a_plain_ground_is_kept() -> None:
    store = store_of(CUTOUTS, [plain_photograph((250, 0, 250))])
    recipe = replace(BARE, smallest=0.1, largest=0.15, close_up=0.0)
    for plain, expected in ((0.0, 0), (0.25, 3), (1.0, 12)):
        middle = show(store, replace(recipe, plain=plain), 1, [0, 1, 2, 3] * 3).images.flatten(2).median(2).values
        assert int((middle[:, 1] > 0.05).sum()) == expected
    without_scenes = show(store_of(CUTOUTS), replace(recipe, plain=0.0), 1, [0, 1, 2, 3]).images
    assert (without_scenes.flatten(2).median(2).values[:, 1] > 0.05).all()


@pytest.mark.parametrize(
    ("family", "may_mirror", "may_fold"), [("garment", True, True), ("toy", True, False), ("carton", False, False)]
)
def test_print_is_never_mirrored_and_what_is_rigid_never_folds(
    family: str, may_mirror: bool, may_fold: bool, reads: list[Read]
) -> None:
    show(store_of(CUTOUTS, family=family), replace(BARE, fold=0.5), 0, [0, 1, 2, 3] * 50)
    placement = reads[-1].placement
    assert (torch.linalg.det(placement.matrix) < 0).float().mean() == pytest.approx(0.5 * may_mirror, abs=0.1)
    assert (placement.fold_depth > 0).float().mean() == pytest.approx(0.5 * may_fold, abs=0.1)
    assert placement.bend.std() == pytest.approx(0.05 if may_fold else 0.01, rel=0.1)


def test_objects_are_as_large_as_the_recipe_says() -> None:
    """A square object's share of the image is its side's square; none is turned, bent or moved."""
    square = np.zeros((SIDE, SIDE), np.uint8)
    square[10:50, 10:50] = 255
    still = {"turn": 0, "shear": 0, "stretch": 0, "bend": 0, "fold": 0, "off_centre": 0, "upright": 1}
    recipe = replace(BARE, **still, smallest=0.25, largest=0.9, close_up=0)
    source = Source(np.dstack([np.full((SIDE, SIDE, 3), 255, np.uint8), square]))
    side = show(store_of([source] * 400), recipe, 0, range(400)).masks.mean((1, 2, 3)).sqrt()
    assert 0.24 < side.min() < 0.28
    assert 0.85 < side.max() < 0.91
    assert side.log().mean() == pytest.approx((np.log(0.25) + np.log(0.9)) / 2, abs=0.06)  # log-uniform


def test_a_batch_is_made_again_as_it_was() -> None:
    store = store_of([*CUTOUTS, photograph(RECTANGLE, CONTENTS[0])], [plain_photograph((90, 140, 90))])
    first, again, other = (show(store, Recipe(), seed, range(5)) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.images, other.images)
    assert not torch.equal(first.masks, other.masks)


def test_images_and_masks_keep_their_range() -> None:
    store = store_of([*CUTOUTS, photograph(RECTANGLE, CONTENTS[0])], [plain_photograph((90, 140, 90))])
    for seed in range(20):
        shown = show(store, replace(Recipe(), light=3.0), seed, range(5))
        for values in (shown.images, shown.masks):
            assert -1e-6 < values.min() < 0.1
            assert 0.9 < values.max() < 1 + 1e-6
