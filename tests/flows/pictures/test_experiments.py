"""Sweeps and reconstructions: every combination is made, labelled and measured; what cannot be swept is refused."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.errors import SettingsError
from flows.pictures.experiments import read_axis, reconstruct, sweep
from stylecore.errors import RecipeError


@pytest.fixture
def pair(catalog: Path) -> tuple[str, str]:
    """A garment and a style."""
    return str(catalog / "garments" / "g0.png"), str(catalog / "styles" / "s0.png")


@pytest.fixture
def tiny(catalog: Path) -> str:
    """A recipe of little work."""
    return str(catalog / "tiny.toml")


def test_two_axes(pair: tuple[str, str], tiny: str, catalog: Path, tmp_path: Path) -> None:
    """Two axes make every combination: a row each in the table, and the values change the pictures' losses."""
    mask = str(catalog / "garments" / "g0_mask.png")
    axes = ["content_weight=0.01,1.0", "init=content,noise,style"]
    written = sweep(*pair, axes, str(tmp_path / "out"), mask, tiny, "cpu")
    assert [Path(uri).name for uri in written] == ["sheet.png", "sweep.csv", "losses.png"]
    table = pd.read_csv(tmp_path / "out" / "sweep.csv")
    assert list(zip(table["content_weight"], table["init"], strict=True)) == [
        (weight, init) for weight in (0.01, 1.0) for init in ("content", "noise", "style")
    ]
    assert table["loss"].nunique() == 6
    for name in ("sheet.png", "losses.png"):
        assert Image.open(tmp_path / "out" / name).width > 300


def test_structures_may_differ(pair: tuple[str, str], tiny: str, tmp_path: Path) -> None:
    """Fields that need batches of their own are swept as well, in the order that was asked for."""
    sweep(
        *pair,
        ['statistics=["gram"];["mean_and_deviation"];["wasserstein"]'],
        str(tmp_path / "out"),
        None,
        tiny,
        "cpu",
    )
    table = pd.read_csv(tmp_path / "out" / "sweep.csv")
    assert list(table["statistics"]) == ["gram", "mean_and_deviation", "wasserstein"]
    assert table["style_distance"].nunique() == 3


@pytest.mark.parametrize("what", ["content", "style"])
def test_reconstruct(what: str, pair: tuple[str, str], tiny: str, tmp_path: Path) -> None:
    """One picture a layer or growing set, beside the original; they are not the noise they began as."""
    layers = ["relu1_1", "relu2_1", "relu3_1"]
    (sheet,) = reconstruct(what, pair[1], str(tmp_path / "out"), layers, tiny, 15, "cpu")
    assert Path(sheet).name == f"{what}.png"
    picture = np.asarray(Image.open(io.BytesIO(Path(sheet).read_bytes())).convert("RGB"))
    assert picture.shape[1] > 4 * 200
    assert picture.std() > 5


def test_content_comes_back_from_the_first_layer(pair: tuple[str, str], tiny: str, tmp_path: Path) -> None:
    """From relu1_1 the picture itself comes back, as Gatys et al. show."""
    from flows.pictures import experiments

    seen: list[bytes] = []
    real = experiments.encode_png
    experiments_png = lambda picture: seen.append(picture.rgb) or real(picture)  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "encode_png", experiments_png)
        reconstruct("content", pair[1], str(tmp_path / "out"), ["relu1_1"], tiny, 60, "cpu")
    made, original = (np.asarray(each, float) for each in seen[:2])
    assert np.corrcoef(made.ravel(), original.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([], "one or two axes, not 0"),
        (["seed=1", "margin=0.1", "detail=0"], "one or two axes, not 3"),
        (["seed"], "is no FIELD=v1,v2"),
        (["seed=1,,2"], "is no FIELD=v1,v2"),
        (["encoder=embedded,vgg19"], "encoder cannot be swept"),
        (["seed=1,2,3,4,5,6,7,8,9,10,11,12,13"], "a sheet shows 12 at most"),
    ],
)
def test_refused(axes: list[str], message: str, pair: tuple[str, str], tiny: str, tmp_path: Path) -> None:
    """An axis that cannot be swept is refused with the reason, before anything is painted."""
    with pytest.raises(SettingsError, match=message):
        sweep(*pair, axes, str(tmp_path / "out"), None, tiny, "cpu")
    assert not (tmp_path / "out").exists()


def test_misspelt_field(pair: tuple[str, str], tiny: str, tmp_path: Path) -> None:
    """A misspelt field is refused with the nearest one."""
    with pytest.raises(RecipeError, match="did you mean 'content_weight'"):
        sweep(*pair, ["contentweight=1,2"], str(tmp_path / "out"), None, tiny, "cpu")


def test_axis_of_lists() -> None:
    """Lists are separated by semicolons, words by commas, numbers are numbers."""
    assert read_axis("levels=[[1.0, 5]];[[0.5, 3], [1.0, 2]]").values == (
        [[1.0, 5]],
        [[0.5, 3], [1.0, 2]],
    )
    assert read_axis("color=style, keep").values == ("style", "keep")
    assert read_axis("seed=1,2").values == (1, 2)
