"""Assignment: which place of a style each place of a design is most like, by descriptors of their patches.

Shape suffixes: H rows, W columns of a design's layer, N = H * W; h, w, M = h * w of a style's layer; K dimensions of a
descriptor; n, m places of a coarse grid.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from stylecore.tensors import Size, size_of

TEMPERATURE = 0.05
"""Of the transport, in units of the cosine: less is nearer to a permutation, and takes more iterations."""
ITERATIONS = 8
"""Of Sinkhorn; more changes no assignment that an eye would see."""
MOST_PLACES = 2048
"""Places a side of the matrix of similarities, which so has at most 4 million values (17 MB)."""
MOST_SENDERS = 512
"""Places of the design that the transport starts from: evenly spread ones where the grid has more."""
OFFSETS = tuple(product((-1, 0, 1), repeat=2))
"""Rows and columns of a neighbourhood's places from its middle."""
SMALLEST = 1e-30
"""What a sum is not taken for less than: a row or column without weight sends and takes nothing."""
BESIDE = 10.0
"""What a search takes from the similarity of a place on which no weight falls, and twice as much from one outside the
guide: such a place comes after all others, but where a search meets no others, it takes the best of these."""
MOST_LOOKED_AT = 2**18
"""Places of a design that candidates are gathered for at once."""
CROSS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class Side(NamedTuple):
    """A design or a style: descriptors 1 x K x H x W of its places, and where it counts, 1 x H x W."""

    descriptors: Tensor
    guide: Tensor


Choose = Callable[["Grid", "Grid"], tuple[Tensor, Tensor]]
"""Coarse grids of a design (n places) and of a style (m) to the style's place for each of the design's, n indices, and
what is added to the similarity of each of the style's, m values."""


class Grid(NamedTuple):
    """Places `stride` apart of a map of `size`: unit `descriptors` n x K and `weight` n values that sum to 1.

    `start` is the first row and column that has a place.
    """

    size: Size
    stride: int
    start: int
    rows: int
    columns: int
    descriptors: Tensor
    weight: Tensor


def _grid(side: Side) -> Grid:
    """Evenly spread places of a side, at most `MOST_PLACES`."""
    descriptors_1KHW, guide_1HW = side
    size = size_of(descriptors_1KHW)
    stride = 1
    while -(-size[0] // stride) * -(-size[1] // stride) > MOST_PLACES:
        stride += 1
    # A map thinner than half a stride has its places in its last row or column.
    start = min(stride // 2, min(size) - 1)
    cut = descriptors_1KHW[0, :, start::stride, start::stride]
    weight = _shares(guide_1HW[0, start::stride, start::stride].flatten())
    return Grid(size, stride, start, cut.shape[1], cut.shape[2], cut.flatten(1).mT.contiguous(), weight)


def _shares(weight_n: Tensor) -> Tensor:
    """Weights over their sum. Places that all lie beside a thin part have none: then all of them count."""
    total = weight_n.sum()
    even = torch.full_like(weight_n, 1 / len(weight_n))
    return torch.where(total > 0, weight_n / total.clamp_min(1e-12), even)


def sinkhorn(kernel_NM: Tensor, rows_N: Tensor, columns_M: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Scalings u (N values) and v (M values) such that diag(u) K diag(v) has the given marginals, nearly.

    Source: Cuturi (2013), "Sinkhorn Distances".

    Args:
        kernel_NM: K = exp(similarity / temperature), above 0.
        rows_N: what every row sends, 0 or more; the rows' sum should be the columns'.
        columns_M: what every column takes, 0 or more.
        iterations: of Sinkhorn and Knopp; the columns' sums are exact after the last, the rows' nearly.
    """
    v_M = columns_M
    for _ in range(iterations):
        u_N = rows_N / (kernel_NM @ v_M).clamp_min(SMALLEST)
        v_M = columns_M / (kernel_NM.mT @ u_N).clamp_min(SMALLEST)
    return u_N, v_M


def choose_in_balance(design: Grid, style: Grid) -> tuple[Tensor, Tensor]:
    """The style's places by entropic transport: each is taken as often as every other, as the style shows them.

    Plain nearest places collapse: plain cloth has one feature everywhere, all of it would take the same few plain
    patches, and motifs would only grow from the edges.
    """
    similarity_nm = design.descriptors @ style.descriptors.mT
    # What the style's places are worth hardly depends on how many of the design's are asked.
    step = -(-len(design.weight) // MOST_SENDERS)
    kernel_sm = ((similarity_nm[step // 2 :: step] - 1) / TEMPERATURE).exp()
    weight_s = _shares(design.weight[step // 2 :: step])
    _, v_m = sinkhorn(kernel_sm, weight_s, style.weight, ITERATIONS)
    bias_m = TEMPERATURE * v_m.log()
    return (similarity_nm + bias_m).argmax(1), bias_m


def choose_nearest(design: Grid, style: Grid) -> tuple[Tensor, Tensor]:
    """The style's most similar places, as Kolkin et al. (2022), "Neural Neighbor Style Transfer"."""
    similarity_nm = design.descriptors @ style.descriptors.mT
    bias_m = torch.where(style.weight > 0, 0.0, -torch.inf)
    return (similarity_nm + bias_m).argmax(1), bias_m


def find_places(choose: Choose, design: Side, style: Side) -> Tensor:
    """The style's place for each of a design's: N indices into its M places.

    Where a grid is coarser than its layer, places of the fine grid are found from those of the coarse (`Search`).
    """
    own, other = _grid(design), _grid(style)
    places_n, bias_m = choose(own, other)
    if own.stride == 1 and other.stride == 1:
        return places_n
    bias_M = _enlarged(bias_m.clamp_min(-BESIDE), other)
    search = Search(design.descriptors, style.descriptors, bias_M + _outside(style))
    rows = places_n // other.columns * other.stride + other.start
    columns = places_n % other.columns * other.stride + other.start
    search.look_from(rows.view(own.rows, -1), columns.view(own.rows, -1), own.stride, own.start)
    for step in _halvings(max(own.stride, other.stride)):
        search.look_around(step)
    return search.index


def find_finer_places(
    places_N: Tensor, coarse: Side, coarse_style: Side, design: Side, style: Side
) -> Tensor:
    """Places in a layer of finer grids from those in a coarser layer: N indices to more of them."""
    down, right = size_of(coarse.descriptors)
    factor = max(1, round(size_of(design.descriptors)[0] / down))
    width = size_of(coarse_style.descriptors)[1]
    search = Search(design.descriptors, style.descriptors, _outside(style))
    rows, columns = places_N // width * factor, places_N % width * factor
    search.look_from(rows.view(down, right), columns.view(down, right), factor, 0)
    search.look_around(1)
    return search.index


def _outside(side: Side) -> Tensor:
    """What a search adds to the similarity of a side's places, M values: less than 0 outside its guide."""
    return torch.where(side.guide.flatten() > 0, 0.0, -2 * BESIDE)


def mean_cost(places_N: Tensor, design: Side, style: Side) -> Tensor:
    """Mean of 1 - cosine over the design's places under its guide, 0 to 2."""
    chosen_KN = style.descriptors[0].flatten(1)[:, places_N]
    cosines_N = (design.descriptors[0].flatten(1) * chosen_KN).sum(0)
    guide_N = design.guide.flatten()
    return ((1 - cosines_N) * guide_N).sum() / guide_N.sum().clamp_min(1e-12)


class Search:
    """The best of the style's places looked at so far, for each of a design's."""

    def __init__(self, descriptors_1KHW: Tensor, styles_1Khw: Tensor, bias_M: Tensor) -> None:
        """Nothing looked at yet; `bias_M` is added to the similarity of each of the style's places."""
        self._size, self._style_size = size_of(descriptors_1KHW), size_of(styles_1Khw)
        self._own = descriptors_1KHW[0].flatten(1).mT.contiguous()
        self._styles = styles_1Khw[0].flatten(1).mT.contiguous()
        self._bias = bias_M
        self._score = torch.full_like(descriptors_1KHW[0, 0], -torch.inf)
        self._row, self._column = (torch.zeros_like(self._score, dtype=torch.long) for _ in range(2))

    @property
    def index(self) -> Tensor:
        """The best places, N indices into the style's M places."""
        return (self._row * self._style_size[1] + self._column).flatten()

    def look_from(self, row_rc: Tensor, column_rc: Tensor, stride: int, start: int) -> None:
        """Look at what lies as far from a place chosen on a coarse grid as the design's place from its coarse one.

        Candidates come from a place's own coarse cell and its neighbours', as in PatchMatch (Barnes et al. 2009).
        """
        (height, width), (down, right) = self._size, row_rc.shape
        rows = torch.arange(height, device=row_rc.device)[:, None]
        columns = torch.arange(width, device=row_rc.device)[None]
        for below, beside in CROSS:
            cell_row = (rows // stride + below).clamp(0, down - 1)
            cell_column = (columns // stride + beside).clamp(0, right - 1)
            self.look_at(
                row_rc[cell_row, cell_column] + rows - (cell_row * stride + start),
                column_rc[cell_row, cell_column] + columns - (cell_column * stride + start),
            )

    def look_around(self, step: int) -> None:
        """Look at the four places `step` rows or columns from the best one."""
        row, column = self._row, self._column
        for below, beside in CROSS[1:]:
            self.look_at(row + step * below, column + step * beside)

    def look_at(self, row_HW: Tensor, column_HW: Tensor) -> None:
        """Take these places where they are better; those beyond the style's border are its border."""
        height, width = self._style_size
        row, column = row_HW.clamp(0, height - 1), column_HW.clamp(0, width - 1)
        index_N = (row * width + column).flatten()
        # By chunks: the candidates' descriptors together would take as much memory as all of the style's.
        chunks = zip(self._own.split(MOST_LOOKED_AT), index_N.split(MOST_LOOKED_AT), strict=True)
        cosine_N = torch.cat([(own * self._styles[index]).sum(1) for own, index in chunks])
        score = (cosine_N + self._bias[index_N]).view_as(self._score)
        better = score > self._score
        self._row, self._column = (
            torch.where(better, row, self._row),
            torch.where(better, column, self._column),
        )
        self._score = torch.where(better, score, self._score)


def _halvings(stride: int) -> Iterator[int]:
    """Half a stride, a quarter, down to 1."""
    step = stride // 2
    while step:
        yield step
        step //= 2


def _enlarged(values_m: Tensor, grid: Grid) -> Tensor:
    """Values of a coarse grid at every place of the fine one, M values: each takes its cell's."""
    values = values_m.view(grid.rows, grid.columns)
    rows = (torch.arange(grid.size[0], device=values.device) // grid.stride).clamp_max(grid.rows - 1)
    columns = (torch.arange(grid.size[1], device=values.device) // grid.stride).clamp_max(grid.columns - 1)
    return values[rows[:, None], columns[None]].flatten()
