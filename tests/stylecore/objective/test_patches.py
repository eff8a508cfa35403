"""Patches: assignments held against a slow plain search, votes against the sum over patches that they stand for."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.objective import assignment, patches
from stylecore.objective.assignment import Side, find_places, sinkhorn
from stylecore.objective.losses import content_distance
from stylecore.objective.patches import (
    ASSIGNMENTS,
    PatchSource,
    assign,
    garment_energy,
    patch_energy,
    patch_source,
)

every_statistic = pytest.mark.parametrize("statistic", ASSIGNMENTS)
NO_FLOOR = torch.zeros(1, 1, dtype=torch.float64)


def features(channels: int, height: int, width: int, seed: int) -> Tensor:
    """Smooth features of a layer, 1 x C x H x W in double."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64)
    return functional.avg_pool2d(noise, 3, 1, 1)


def ones(map_1CHW: Tensor) -> Tensor:
    """A guide of one part that is everywhere."""
    return torch.ones_like(map_1CHW[:, :1])


def loss(map_1CHW: Tensor, match: patches.Match) -> float:
    """The loss that a match stands for."""
    return float(content_distance(map_1CHW, match.wanted, match.weight) + match.rest)


def places(statistic: str, design: Tensor, guide: Tensor, source: PatchSource) -> Tensor:
    """The style's place for each of a design's."""
    descriptors = patches.describe(design, source.basis, source.offset)
    sides = Side(descriptors, guide[:, 0]), Side(source.descriptors, source.guide[:, 0])
    return find_places(ASSIGNMENTS[statistic].choose, *sides)


def plain_loss(design: Tensor, style: Tensor, pairs: list[tuple[int, int, float]]) -> float:
    """Squared distances of patches (design's place, style's, weight) over twice the variance, written out."""
    height, width = design.shape[2:]
    rows, columns = style.shape[2:]
    total = 0.0
    for own, other, weight in pairs:
        for down, right in itertools.product((-1, 0, 1), repeat=2):
            row, column = own // width + down, own % width + right
            style_row, style_column = other // columns + down, other % columns + right
            inside = 0 <= row < height and 0 <= column < width
            if inside and 0 <= style_row < rows and 0 <= style_column < columns:
                difference = design[0, :, row, column] - style[0, :, style_row, style_column]
                total += weight * float(difference.square().sum())
    return total / float(9 * patch_energy(style, ones(style)))


class TestAssignment:
    """Which patch each place takes."""

    def test_nearest_is_the_plain_search(self) -> None:
        """Without balance each place takes the patch with the largest cosine, patches less the style's mean."""
        design, style = features(3, 7, 6, 1), features(3, 8, 9, 2)
        unfolded = [functional.unfold(map_, 3, padding=1)[0].T for map_ in (design, style)]
        mean = unfolded[1].mean(0)
        own, other = (functional.normalize(rows - mean, dim=1) for rows in unfolded)
        found = places("patches_nearest", design, ones(design), patch_source(style, ones(style)))
        assert found.tolist() == (own @ other.T).argmax(1).tolist()

    def test_descriptors_keep_cosines(self) -> None:
        """Where features have fewer dimensions than a descriptor, its cosines are those of the patches themselves."""
        style = features(3, 8, 9, 2)
        source = patch_source(style, ones(style))
        rows = functional.unfold(style, 3, padding=1)[0].T
        centred = functional.normalize(rows - rows.mean(0), dim=1)
        flat = source.descriptors[0].flatten(1)
        torch.testing.assert_close(flat.T @ flat, centred @ centred.T, rtol=1e-6, atol=1e-6)

    def test_descriptors_see_all_columns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Patches that directions are taken from lie in many columns, also where they are a width apart."""
        style = features(12, 3, 64, 29)[..., 1:2, :].expand(-1, -1, 64, -1).contiguous()
        for most in (64, 128, 256):
            monkeypatch.setattr(patches, "MOST_SAMPLED", most)
            source = patch_source(style, ones(style))
            rows = functional.unfold(style, 3, padding=1)[0].T
            centred = rows - rows.mean(0)
            kept = centred @ source.basis.flatten(1).T
            best = torch.linalg.svdvals(centred)[: kept.shape[1]]
            assert kept.square().sum() > 0.95 * best.square().sum()

    def test_sampled_patches_are_those_of_the_layer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Patches that directions are taken from are the layer's own, zeros beyond its border."""
        monkeypatch.setattr(patches, "MOST_SAMPLED", 40)
        style = features(3, 12, 13, 30)
        wanted = functional.unfold(style, 3, padding=1)[0][:, ::3]
        torch.testing.assert_close(patches._sampled_patches(style), wanted, rtol=0, atol=0)

    def test_balance_takes_every_patch_as_often(self) -> None:
        """A design of one colour takes patches from all over the style; plain nearest ones collapse to few."""
        style = features(5, 12, 12, 3)
        design = features(5, 12, 12, 4) * 0.05
        source = patch_source(style, ones(style))
        taken = {name: len(set(places(name, design, ones(design), source).tolist())) for name in ASSIGNMENTS}
        assert taken["patches"] > 1.3 * taken["patches_nearest"]

    def test_balance_is_the_transport(self) -> None:
        """In balance each place takes the largest entry of its row of the transport plan."""
        design, style = features(4, 6, 6, 5), features(4, 7, 7, 6)
        source = patch_source(style, ones(style))
        own = patches.describe(design, source.basis, source.offset)[0].flatten(1).T
        kernel = ((own @ source.descriptors[0].flatten(1) - 1) / assignment.TEMPERATURE).exp()
        u, v = sinkhorn(
            kernel,
            torch.full((36,), 1 / 36).double(),
            torch.full((49,), 1 / 49).double(),
            assignment.ITERATIONS,
        )
        wanted = (u[:, None] * kernel * v).argmax(1)
        assert places("patches", design, ones(design), source).tolist() == wanted.tolist()

    @every_statistic
    def test_of_a_large_layer(self, statistic: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A layer that is assigned on a coarse grid and refined finds nearly what the whole search finds."""
        style = functional.interpolate(features(6, 12, 12, 7), scale_factor=4, mode="bicubic")
        design = style.roll((5, 9), (2, 3))
        source = patch_source(style, ones(style))
        cosines = {}
        for most in (10_000, 300):
            monkeypatch.setattr(assignment, "MOST_PLACES", most)
            chosen = places(statistic, design, ones(design), source)
            own = patches.describe(design, source.basis, source.offset)[0].flatten(1)
            cosines[most] = float((own * source.descriptors[0].flatten(1)[:, chosen]).sum(0).mean())
        assert cosines[300] > 0.97 * cosines[10_000]

    def test_no_matrix_is_larger_than_stated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Similarities are computed on grids of at most MOST_PLACES places a side, whatever the layer's size."""
        seen = []

        def choose(design: assignment.Grid, style: assignment.Grid) -> tuple[Tensor, Tensor]:
            seen.append((len(design.descriptors), len(style.descriptors)))
            return assignment.choose_in_balance(design, style)

        monkeypatch.setitem(ASSIGNMENTS, "patches", patches.Assignment(choose))
        style = features(2, 90, 131, 8)
        assign(
            "patches",
            features(2, 101, 77, 9),
            torch.ones(1, 1, 101, 77),
            patch_source(style, ones(style)),
            NO_FLOOR,
        )
        ((places_of_design, places_of_style),) = seen
        assert assignment.MOST_PLACES / 2 < places_of_design <= assignment.MOST_PLACES
        assert assignment.MOST_PLACES / 2 < places_of_style <= assignment.MOST_PLACES

    def test_candidates_in_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Places are the same whether a search looks at all of the design's at once or at a few at a time."""
        monkeypatch.setattr(assignment, "MOST_PLACES", 60)
        design, style = features(3, 30, 33, 26), features(3, 40, 36, 25)
        source = patch_source(style, ones(style))
        at_once = places("patches", design, ones(design), source)
        monkeypatch.setattr(assignment, "MOST_LOOKED_AT", 100)
        assert torch.equal(places("patches", design, ones(design), source), at_once)

    @every_statistic
    def test_parts_of_a_large_layer_take_their_own(
        self, statistic: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where a layer is assigned on a coarse grid, no place takes a patch from outside its part of the style."""
        monkeypatch.setattr(assignment, "MOST_PLACES", 60)
        style, design = features(3, 40, 36, 25), features(3, 30, 33, 26)
        part = ones(style).tril(-9)
        chosen = places(statistic, design, ones(design), patch_source(style, part))
        assert part.flatten()[chosen].all()

    @every_statistic
    @pytest.mark.parametrize("size", [(90, 1), (1, 90), (90, 2)])
    def test_a_thin_layer(
        self, statistic: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A map that is thinner than the coarse grid's stride has places in that grid all the same."""
        monkeypatch.setattr(assignment, "MOST_PLACES", 20)
        thin, other = features(3, *size, 27), features(3, 12, 13, 28)
        for design, style in ((thin, other), (other, thin)):
            match = assign(statistic, design, ones(design), patch_source(style, ones(style)), NO_FLOOR)
            assert 0 < loss(design, match) < 10


class TestMatch:
    """The loss of patches as a distance from one map."""

    @pytest.mark.parametrize("statistic", ["patches", "patches_nearest"])
    def test_equals_the_sum_over_patches(self, statistic: str) -> None:
        """Weighted squares from the voted map, and the rest, are the sum over all patches, written out."""
        design, style = features(4, 6, 7, 10), features(4, 8, 5, 11)
        guide = torch.rand(1, 1, 6, 7, dtype=torch.float64)
        source = patch_source(style, ones(style))
        chosen = places(statistic, design, guide, source).tolist()
        weights = (guide / guide.sum()).flatten().tolist()
        wanted = plain_loss(design, style, list(zip(range(42), chosen, weights, strict=True)))
        assert loss(design, assign(statistic, design, guide, source, NO_FLOOR)) == pytest.approx(wanted)

    def test_relaxed_transport_is_the_larger_way(self) -> None:
        """STROTSS's loss sums the patches of the direction whose mean cost is larger."""
        design, style = features(4, 6, 7, 12) * 0.1 + 0.3, features(4, 8, 5, 13)
        source = patch_source(style, ones(style))
        own = patches.describe(design, source.basis, source.offset)[0].flatten(1)
        cosines = own.T @ source.descriptors[0].flatten(1)
        forth = [(n, m, 1 / 42) for n, m in enumerate(cosines.argmax(1).tolist())]
        back = [(n, m, 1 / 40) for m, n in enumerate(cosines.argmax(0).tolist())]
        larger = forth if cosines.amax(1).mean() < cosines.amax(0).mean() else back
        match = assign("patches_relaxed", design, ones(design), source, NO_FLOOR)
        assert loss(design, match) == pytest.approx(plain_loss(design, style, larger))

    @every_statistic
    def test_equal_pictures_are_at_distance_0(self, statistic: str) -> None:
        """A design that is its style costs nothing."""
        style = features(6, 9, 10, 14)
        match = assign(statistic, style, ones(style), patch_source(style, ones(style)), NO_FLOOR)
        assert loss(style, match) == pytest.approx(0, abs=1e-12)

    @every_statistic
    def test_another_texture_is_about_1(self, statistic: str) -> None:
        """Unrelated features cost about 1, whatever their scale: a random patch of the style would cost 1."""
        for scale in (1e-3, 1.0, 1e3):
            design, style = scale * features(8, 20, 20, 15), scale * features(8, 20, 20, 16)
            match = assign(statistic, design, ones(design), patch_source(style, ones(style)), NO_FLOOR)
            assert 0.1 < loss(design, match) < 1.2

    def test_gradient_is_that_of_the_patches(self) -> None:
        """The gradient is twice the weighted difference from the map, as finite differences say."""
        design, style = features(3, 5, 6, 17), features(3, 6, 6, 18)
        match = assign("patches", design, ones(design), patch_source(style, ones(style)), NO_FLOOR)
        variable = design.clone().requires_grad_(True)
        assert torch.autograd.gradcheck(
            lambda picture: content_distance(picture, match.wanted, match.weight) + match.rest, variable
        )

    def test_parts_take_their_own(self) -> None:
        """Each part's patches come from the style's part, and parts count by their share of the cloth."""
        style = torch.cat([features(3, 10, 6, 19) - 5, features(3, 10, 6, 20) + 5], 3)
        halves = torch.zeros(1, 2, 10, 12, dtype=torch.float64)
        halves[:, 0, :, :6], halves[:, 1, :, 6:] = 1, 1
        design = features(3, 10, 12, 21)
        match = assign(
            "patches", design, halves.flip(1), patch_source(style, halves), torch.zeros(1, 2).double()
        )
        assert match.wanted[..., 1:5].mean() > 3 and match.wanted[..., 8:11].mean() < -3

    def test_nothing_is_asked_outside_the_guide(self) -> None:
        """Places farther than a patch from the cloth have no weight, and an empty guide costs nothing."""
        design, style = features(3, 9, 9, 22), features(3, 9, 9, 23)
        guide = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
        empty = assign("patches", design, guide, patch_source(style, ones(style)), NO_FLOOR)
        assert loss(design, empty) == 0
        guide[..., :3] = 1
        match = assign("patches", design, guide, patch_source(style, ones(style)), NO_FLOOR)
        assert not match.weight[..., 4:].any() and match.weight[..., :4].all()

    def test_a_style_of_one_colour_stays_finite(self) -> None:
        """A style without any variance has the floor for an energy, and asks for its one feature."""
        design, style = features(3, 8, 8, 24), torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
        floor = 0.1 * patch_energy(design, ones(design))
        match = assign("patches", design, ones(design), patch_source(style, ones(style)), floor)
        torch.testing.assert_close(match.wanted, style)
        assert 0 < loss(design, match) < 100

    def test_a_garment_without_variance_has_energy(self) -> None:
        """A garment of one colour has a share of its mean square for an energy, and any other its own variance."""
        varied, plain = features(3, 8, 8, 31), torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
        assert torch.equal(garment_energy(varied, ones(varied)), patch_energy(varied, ones(varied)))
        assert garment_energy(plain, ones(plain)).item() == pytest.approx(patches.FLATTEST * 3 * 0.25)
        assert garment_energy(plain, 0 * ones(plain)).item() == 0
