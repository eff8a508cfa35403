"""Weights are found, checked by digest, cached, and never unpickled."""

import copy
import hashlib
import pickle
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
import torch
from safetensors.torch import save_file

from flows.errors import WeightsError
from flows.planning.weights import load_encoder, resolve_recipe
from flows.settings import Settings
from stylecore.encoders.embedded import embedded_sha256
from stylecore.encoders.encoder import Encoder
from stylecore.errors import EncoderError
from stylecore.recipe import Recipe
from stylecore.recipe_values import StyleStatistic

RECIPE = Recipe(
    encoder="vgg16",
    content_layers=(("relu2_2", 1.0),),
    statistics=(StyleStatistic("gram", layers=(("relu1_1", 1.0),)),),
)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """Random weights of VGG-16 as far as the recipe looks, and a classifier that nobody wants."""
    torch.manual_seed(3)
    own = {key: value.clone() for key, value in Encoder("vgg16", RECIPE.layers).state_dict().items()}
    # torchvision numbers modules from 0 over every convolution, rectification and pooling, as we do.
    return own | {"classifier.0.weight": torch.zeros(4, 4)}


@pytest.fixture
def files(state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    """The same weights as safetensors and as a checkpoint."""
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    return tmp_path


@pytest.fixture
def server(files: Path) -> Iterator[str]:
    """A web server on loopback over the files; `seen` on it counts requests."""
    handler = partial(_Quiet, directory=str(files))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_local_weights_are_loaded(files: Path, state: dict[str, torch.Tensor], name: str) -> None:
    """Safetensors and weights-only checkpoints both give the encoder its weights, and the digest is known."""
    settings = Settings(vgg16_weights=str(files / name))
    recipe = resolve_recipe(RECIPE, settings)
    assert recipe.encoder_sha256 == hashlib.sha256((files / name).read_bytes()).hexdigest()
    encoder = load_encoder(recipe, settings)
    assert torch.equal(encoder.features[0].weight, state["features.0.weight"])


def test_weights_from_s3(files: Path, s3: str, state: dict[str, torch.Tensor]) -> None:
    """A storage key serves as well as a path, and the recipe may name it."""
    boto3.client("s3").upload_file(str(files / "w.safetensors"), s3, "w/vgg.safetensors")
    recipe = replace(RECIPE, encoder_weights=f"s3://{s3}/w/vgg.safetensors")
    encoder = load_encoder(resolve_recipe(recipe, Settings()), Settings())
    assert torch.equal(encoder.features[2].weight, state["features.2.weight"])


def test_download_is_checked_and_cached(files: Path, server: str, tmp_path: Path) -> None:
    """A download whose name tells its digest is checked, kept, and not asked for again."""
    digest = hashlib.sha256((files / "w.pth").read_bytes()).hexdigest()
    (files / "w.pth").rename(files / f"vgg16-{digest[:8]}.pth")
    settings = Settings(vgg16_weights=f"{server}/vgg16-{digest[:8]}.pth", cache=tmp_path / "cache")
    recipe = resolve_recipe(RECIPE, settings)
    assert recipe.encoder_sha256 == digest
    (files / f"vgg16-{digest[:8]}.pth").unlink()
    assert load_encoder(recipe, settings).name == "vgg16"
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_damaged_cache_is_fetched_again(files: Path, server: str, tmp_path: Path) -> None:
    """A cached file that no longer has its digest is not used."""
    digest = hashlib.sha256((files / "w.pth").read_bytes()).hexdigest()
    recipe = replace(RECIPE, encoder_sha256=digest, encoder_weights=f"{server}/w.pth")
    settings = Settings(cache=tmp_path / "cache")
    resolve_recipe(recipe, settings)
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"damaged")
    assert resolve_recipe(recipe, settings).encoder_sha256 == digest
    assert cached.stat().st_size > 1000


def test_wrong_download_is_refused(files: Path, server: str, tmp_path: Path) -> None:
    """A download with another digest is refused and not kept."""
    (files / "w.pth").rename(files / "vgg16-00000000.pth")
    settings = Settings(vgg16_weights=f"{server}/vgg16-00000000.pth", cache=tmp_path / "cache")
    with pytest.raises(WeightsError, match="cannot be downloaded.*STYLEMILL_VGG16_WEIGHTS"):
        resolve_recipe(RECIPE, settings)
    assert list((tmp_path / "cache").glob("*vgg16*")) == []


def test_download_without_a_digest_is_refused(server: str) -> None:
    """Nothing is downloaded whose contents nobody vouched for."""
    with pytest.raises(WeightsError, match="set encoder_sha256"):
        resolve_recipe(replace(RECIPE, encoder_weights=f"{server}/w.pth"), Settings())


def test_no_network(tmp_path: Path) -> None:
    """Without a network the remedy is to put the file somewhere."""
    settings = Settings(vgg16_weights="http://127.0.0.1:9/vgg16-397923af.pth", cache=tmp_path)
    with pytest.raises(WeightsError, match="Without a network, put the file somewhere"):
        resolve_recipe(RECIPE, settings)


def test_pickles_that_run_code_are_refused(tmp_path: Path) -> None:
    """A pickle that would run code when loaded is refused, and its code does not run."""

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    recipe = replace(RECIPE, encoder_weights=str(tmp_path / "evil.pth"))
    with pytest.raises(WeightsError, match="no weights that can be loaded safely"):
        load_encoder(recipe, Settings())
    assert not (tmp_path / "ran").exists()


def packed(source: Path, target: Path) -> None:
    """A checkpoint's ZIP with its entries packed, as no torch writes it."""
    with zipfile.ZipFile(source) as plain, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as small:
        for entry in plain.infolist():
            small.writestr(entry.filename, plain.read(entry))


def overlapping(source: Path, target: Path) -> None:
    """A checkpoint's ZIP whose directory names one entry a thousand times."""
    with zipfile.ZipFile(source) as plain, zipfile.ZipFile(target, "w") as many:
        for entry in plain.infolist():
            many.writestr(entry.filename, plain.read(entry))
        largest = max(many.filelist, key=lambda entry: entry.file_size)
        for number in range(1000):
            again = copy.copy(largest)
            again.filename = f"archive/data/{number}x"
            many.filelist.append(again)


@pytest.mark.parametrize("spoil", [packed, overlapping])
def test_a_checkpoint_that_unpacks_to_more_than_it_is(
    spoil: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """A small file that would become a large one in memory is refused before it is unpacked."""
    torch.save({"features.0.weight": torch.zeros(2**20)}, tmp_path / "plain.pth")
    spoil(tmp_path / "plain.pth", tmp_path / "bomb.pth")
    recipe = replace(RECIPE, encoder_weights=str(tmp_path / "bomb.pth"))
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"a ZIP of \d+ bytes with \d+ packed entries, \d+ bytes unpacked"):
        load_encoder(recipe, Settings())
    size, most = (tmp_path / "bomb.pth").stat().st_size, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * size + 2**20


@pytest.mark.parametrize("web", [False, True], ids=["file", "download"])
def test_weights_are_hashed_once(
    web: bool, files: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a recipe is resolved and its encoder loaded, a file on this machine is hashed once."""
    digest = hashlib.sha256((files / "w.pth").read_bytes()).hexdigest()
    hashed, digest_of = [], hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, name: hashed.append(file.name) or digest_of(file, name)
    )
    where = f"{server}/w.pth" if web else str(files / "w.pth")
    recipe = replace(RECIPE, encoder_weights=where, encoder_sha256=digest)
    for _ in range(2):
        load_encoder(
            resolve_recipe(recipe, Settings(cache=tmp_path / "cache")), Settings(cache=tmp_path / "cache")
        )
    assert len(hashed) == 1


def test_no_home() -> None:
    """A user without a home is told which setting says where downloads go."""
    settings = Settings(vgg16_weights="http://127.0.0.1:9/vgg16-397923af.pth", cache="~nobodyatall/x")
    with pytest.raises(WeightsError, match="STYLEMILL_CACHE is the folder for downloads"):
        resolve_recipe(RECIPE, settings)


def test_other_weights_than_meant(files: Path) -> None:
    """A recipe that names a digest refuses a file with another."""
    recipe = replace(RECIPE, encoder_weights=str(files / "w.pth"), encoder_sha256="f" * 64)
    with pytest.raises(WeightsError, match="wants vgg16 weights ffffffffffff"):
        resolve_recipe(recipe, Settings())


def test_weights_replaced_during_a_run(files: Path) -> None:
    """Weights that are no longer those of the resolved recipe are refused."""
    recipe = resolve_recipe(replace(RECIPE, encoder_weights=str(files / "w.pth")), Settings())
    torch.save({"features.0.weight": torch.zeros(1)}, files / "w.pth")
    with pytest.raises(WeightsError, match="was replaced while the run was on"):
        load_encoder(recipe, Settings())


def test_another_networks_weights(files: Path) -> None:
    """Weights of another network are refused with the tensor that does not fit."""
    save_file({"features.0.weight": torch.zeros(8, 3, 3, 3)}, files / "other.safetensors")
    recipe = replace(RECIPE, encoder_weights=str(files / "other.safetensors"))
    with pytest.raises(EncoderError, match=r"features\.0"):
        load_encoder(recipe, Settings())


def test_embedded_weights_are_named_by_digest() -> None:
    """The packaged weights are part of the house recipe's digest once it is resolved."""
    resolved = resolve_recipe(Recipe(), Settings())
    assert resolved.encoder_sha256 == embedded_sha256()
    assert resolved.digest() != Recipe().digest()
