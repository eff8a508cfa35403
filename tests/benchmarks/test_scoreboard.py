"""The scoreboard: painters are composed alike, measures are summarised as said, and the sheet's key is right."""

import json
import math
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage.filters import sobel
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.rivals import named
from benchmarks.scoreboard import contestants
from benchmarks.scoreboard.__main__ import TEMPLATE, load_contestants, play, write_results
from benchmarks.scoreboard.blind_sheet import GAP, HEADER, SheetRow, blind_sheet, shuffle_columns, to_image
from benchmarks.scoreboard.contestants import compose, load_recipe, load_rival, to_judged_canvas
from benchmarks.scoreboard.measures import SUMMARIES, edge_ssim, measure_design, summarise
from benchmarks.scoreboard.pairs import JUDGED, JudgedPair, judged_pair, read_pairs
from catalogs.images.codec import Picture
from catalogs.records import Garment, Style
from catalogs.templates.template import Template
from flows.painting.image_tensors import to_content
from stylecore.encoders.encoder import Encoder
from stylecore.metrics import changed_outside
from stylecore.recipe import Recipe
from tests.conftest import TINY_RECIPE


def drawn_pair(number: int = 0) -> JudgedPair:
    """A grey coat with folds on white, and stripes for it."""
    rows, columns = np.mgrid[0:300, 0:200]
    mask = np.where(np.hypot((rows - 150) / 130, (columns - 100) / 80) < 1, 255, 0).astype(np.uint8)
    folds = (120 + 40 * np.sin(columns / 15 + number)).astype(np.uint8)[..., None].repeat(3, 2)
    template = Template(Picture(np.where(mask[..., None] > 0, folds, 250).astype(np.uint8)), mask)
    stripes = (np.mgrid[0:90, 0:120][1] // 6 % 2 * 200).astype(np.uint8)
    pattern = Picture(np.stack([stripes, stripes // 2, 255 - stripes], -1))
    garment, style = Garment(f"g{number}", "g.png", digest=f"d{number}"), Style("s1", "set", "s.png")
    return judged_pair(garment, style, template, pattern)


@pytest.fixture(scope="module")
def pair() -> JudgedPair:
    """One drawn pair."""
    return drawn_pair()


@pytest.fixture(scope="module")
def judge() -> Encoder:
    """VGG-19's layers at a fraction of the work: random weights of the embedded shape have the same names."""
    torch.manual_seed(0)
    return Encoder("embedded", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"))


def test_rivals_are_composed_under_the_mask(pair: JudgedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rival paints beyond the garment, and beyond [0, 1], does not leak; within, it is all there."""
    loud = torch.full_like(pair.canvas.content, 7.0)
    monkeypatch.setitem(named.RIVALS, "loud", lambda _assets: lambda _content, _style: loud)
    painting = load_rival("loud", Path())(pair)
    design = compose(pair, painting.to_judged(painting.paint()))
    assert changed_outside(design, pair.canvas.content, pair.canvas.guide).item() == 0
    inside = pair.canvas.guide.expand_as(design) == 1
    assert inside.any() and (design[inside] == 1).all()
    # The brush knows of no mask: without composing it would leak.
    assert changed_outside(loud.clamp(0, 1), pair.canvas.content, pair.canvas.guide) > 1000


def test_rivals_see_the_judged_canvas(pair: JudgedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival gets the garment cropped to the canvas, and the style at the size that the judge compares with."""
    given: list[Tensor] = []

    def painter(content: Tensor, style: Tensor) -> Tensor:
        given.extend([content, style])
        return content

    monkeypatch.setitem(named.RIVALS, "keeper", lambda _assets: painter)
    load_rival("keeper", Path())(pair).paint()
    assert given[0].shape == (1, 3, 320, 256) and max(given[1].shape[2:]) == 240
    assert torch.equal(given[0], pair.canvas.content) and torch.equal(given[1], pair.style_13HW)


def test_recipe_on_another_canvas(pair: JudgedPair) -> None:
    """A recipe's smaller canvas comes to the judged one in its place: an unpainted one is the garment again."""
    small = replace(JUDGED, canvas=(192, 160), detail=1.0)
    canvas = to_content(pair.template, small)
    assert canvas.content.shape[2:] == (192, 160)
    design = compose(pair, to_judged_canvas(canvas.content, canvas, pair, small))
    assert design.shape == pair.canvas.content.shape
    assert (design - pair.canvas.content).abs().max() < 0.05
    same = to_content(pair.template, JUDGED)
    assert to_judged_canvas(same.content, same, pair, JUDGED) is same.content


def test_recipe_paints(pair: JudgedPair, tmp_path: Path) -> None:
    """A recipe, here of a TOML file, is painted by the engine at its own canvas and judged at 320 x 256."""
    tiny = tmp_path / "tiny.toml"
    tiny.write_text(TINY_RECIPE)
    painting = load_recipe(str(tiny), tmp_path)(pair)
    design = compose(pair, painting.to_judged(painting.paint()))
    assert design.shape == (1, 3, 320, 256)
    assert changed_outside(design, pair.canvas.content, pair.canvas.guide).item() == 0
    inside = pair.canvas.guide == 1
    assert ((design - pair.canvas.content).abs().amax(1, keepdim=True)[inside] > 0.02).float().mean() > 0.5


def test_edge_ssim(pair: JudgedPair) -> None:
    """It is scikit-image's SSIM of Sobel maps as a mean under the guide: 1 for the template, less for what hides it."""
    content, guide = pair.canvas.content, pair.canvas.guide
    assert edge_ssim(content, content, guide) == pytest.approx(1)
    noisy = (content + 0.2 * torch.randn_like(content)).clamp(0, 1)
    assert edge_ssim(noisy, content, guide) < edge_ssim((noisy + 3 * content) / 4, content, guide) < 0.99
    greys = [
        (each[0] * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0).numpy()
        for each in (noisy, content)
    ]
    whole = structural_similarity(
        *map(sobel, greys),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1].mean()
    assert edge_ssim(noisy, content, torch.ones_like(guide)) == pytest.approx(whole, abs=1e-3)
    assert math.isnan(edge_ssim(content, content, torch.zeros_like(guide)))


def test_measures(pair: JudgedPair, judge: Encoder) -> None:
    """A design that is its template has no leak, all folds and edges, and a distance to the style."""
    measures = measure_design(judge, pair, pair.canvas.content, pair.canvas.content)
    assert measures.keys() == SUMMARIES.keys() - {"seconds"}
    assert measures["leak"] == 0 and measures["fold_correlation"] == pytest.approx(1, abs=1e-4)
    assert measures["edge_ssim"] == pytest.approx(1)
    assert measures["style_distance"] > 0.01 and measures["patch_distance"] > 0.01


def test_summaries() -> None:
    """Distances, edges and seconds are means, folds the median, leak a sum; what is never defined is null in JSON."""
    values = {"style_distance": 1.0, "patch_distance": 1.0, "edge_ssim": 0.5, "seconds": 2.0}
    rows = [
        {
            "pair": str(n),
            "contestant": name,
            **values,
            "style_distance": float(n),
            "leak": float(n),
            "fold_correlation": f,
        }
        for name, folds in {"house": [0.9, math.nan, 0.1, 0.8], "rival": [math.nan] * 4}.items()
        for n, f in enumerate(folds)
    ]
    board = summarise(pd.DataFrame(rows))
    assert list(board) == ["house", "rival"]
    assert board["house"]["style_distance"] == 1.5 and board["house"]["leak"] == 6
    assert board["house"]["fold_correlation"] == board["house"]["median_fold_correlation"] == 0.8
    assert board["house"]["pairs"] == 4 and board["rival"]["fold_correlation"] is None
    json.dumps(board, allow_nan=False)


def sheet_rows(count: int) -> list[SheetRow]:
    """Pairs whose designs are flat: a grey a contestant, another a row."""
    names = ("house", "draft", "microast", "textbook")
    return [
        SheetRow(
            f"pair {row}",
            torch.full((1, 3, 40, 32), 0.9),
            torch.full((1, 3, 20, 90), 0.1),
            {name: torch.full((1, 3, 40, 32), (10 * row + n) / 255) for n, name in enumerate(names)},
        )
        for row in range(count)
    ]


def test_shuffled_columns() -> None:
    """Each row has an order of its own that the seed fixes, and each contestant stands in each place now and then."""
    rows = sheet_rows(40)
    orders = shuffle_columns(rows, seed=3)
    assert orders == shuffle_columns(rows, seed=3) != shuffle_columns(rows, seed=4)
    assert all(sorted(order) == sorted(rows[0].designs) for order in orders)
    assert all(len({order[place] for order in orders}) == 4 for place in range(4))


def test_sheet_and_key(tmp_path: Path) -> None:
    """The design under each letter of each row is that of the contestant that the key names; no name is in the sheet."""
    rows = sheet_rows(5)
    measured = [{"pair": "p", "contestant": "house", **dict.fromkeys(SUMMARIES, 0.5)}]
    options = Namespace(out=tmp_path, json=tmp_path / "board.json", seed=7)
    write_results(options, measured, rows)
    key = json.loads((tmp_path / "key.json").read_text())
    assert key["seed"] == 7 and [row["pair"] for row in key["rows"]] == [row.pair for row in rows]
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.array(sheet)
    for number, (key_row, row) in enumerate(zip(key["rows"], rows, strict=True)):
        y = HEADER + number * (40 + GAP) + 20
        for place, letter in enumerate("ABCD"):
            x = HEADER + (2 + place) * (32 + GAP) + 16
            design = row.designs[key_row["columns"][letter]]
            assert (pixels[y, x] == np.array(to_image(design))[20, 16]).all()
    assert json.loads((tmp_path / "board.json").read_text())["house"]["leak"] == 0.5
    assert len(pd.read_csv(tmp_path / "measures.csv")) == 1


def test_sheet_shows_style_of_any_shape() -> None:
    """A style larger or smaller than the canvas stays in its cell."""
    rows = [
        replace(row, style=torch.zeros(1, 3, *size))
        for row, size in zip(sheet_rows(2), [(300, 20), (4, 5)], strict=True)
    ]
    sheet = np.array(blind_sheet(rows, shuffle_columns(rows, 0)))
    assert (sheet[:, HEADER + 2 * (32 + GAP) - GAP : HEADER + 2 * (32 + GAP)][HEADER:] == 255).all()


def test_play() -> None:
    """Each contestant paints the first pair unmeasured, then each pair once, in turn; the template has a row too."""
    painted: list[tuple[str, str]] = []

    def contestant(name: str) -> contestants.Contestant:
        def prepare(pair: JudgedPair) -> contestants.Painting:
            def paint() -> Tensor:
                painted.append((name, pair.name))
                return torch.zeros_like(pair.canvas.content)

            return contestants.Painting(paint, lambda picture: picture)

        return prepare

    pairs = [drawn_pair(0), drawn_pair(1)]
    field = {name: contestant(name) for name in ("a", "b")}
    blank = {name: 0.0 for name in SUMMARIES if name != "seconds"}
    played = list(play(field, pairs, Encoder("embedded", ["relu1_1"]), lambda *_: blank))
    first, second = pairs[0].name, pairs[1].name
    assert painted == [("a", first), ("b", first), ("a", first), ("b", first), ("a", second), ("b", second)]
    assert [row["contestant"] for _, rows in played for row in rows] == [TEMPLATE, "a", "b"] * 2
    assert all(sheet_row.designs.keys() == {"a", "b"} for sheet_row, _ in played)


def test_who_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rival that cannot take part is left out with its reason; the others play."""
    field = load_contestants(["house"], ["microast"], tmp_path)
    assert list(field) == ["house"]
    assert "microast is left out: there are no weights" in capsys.readouterr().out


def test_pairs_of_the_document(assets: Path) -> None:
    """The pairs are those of docs/embedded_encoder.md, in its order, on the same canvas as there."""
    from benchmarks.embedded_encoder import judge as embedded_judge

    table = (Path(__file__).parents[2] / "docs" / "embedded_encoder.md").read_text()
    documented = [line.split("|")[1].strip() for line in table.splitlines() if " x s" in line]
    assert len(documented) == 20
    pairs = read_pairs(assets, 2)
    assert [pair.name for pair in pairs] == documented[:2]
    for pair, other in zip(pairs, embedded_judge.pairs(assets, 2, Recipe()), strict=True):
        assert torch.equal(pair.canvas.content, other.canvas.content)
        assert torch.equal(pair.canvas.guide, other.canvas.guide) and torch.equal(
            pair.style_13HW, other.style
        )
