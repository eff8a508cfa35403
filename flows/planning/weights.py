"""Weights of encoders: where they lie, whether they are the right ones, and the encoder that is made of them."""

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from catalogs.errors import CatalogsError, without_password
from catalogs.storage.stores import locate
from flows.errors import WeightsError
from flows.settings import Settings
from stylecore.encoders.embedded import embedded_encoder, embedded_sha256
from stylecore.encoders.encoder import (
    Encoder,
    Pooling,
    encoder_with_weights,
    natural_noise,
    normalise_weights,
)
from stylecore.recipe import Recipe

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


@dataclass(frozen=True)
class Weights:
    """Weights of an encoder: their SHA-256, where they lie, and their bytes where these had to be read.

    `location` is the address as messages may show it. A file on this machine is read when its bytes are needed; an
    object in S3 was read for its digest, and `data` holds it.
    """

    sha256: str
    location: str
    path: Path | None = None
    data: bytes = b""

    def read(self) -> bytes:
        """Return the bytes of the weights, from the file where they lie in one."""
        return self.path.read_bytes() if self.path else self.data


def find_weights(recipe: Recipe, settings: Settings) -> Weights:
    """Return the weights that a recipe with VGG means, downloaded where they have to be; WeightsError without them.

    A file is hashed once, however often it is asked for, as long as its size and time stay.
    """
    location = _location(recipe, settings)
    shown = _readable_address(location)
    if location.startswith(("https://", "http://")):
        path = _download(location, recipe, settings)
        return Weights(_digest(path), shown, path)
    try:
        store, key = locate(location, settings.s3)
        if not store.uri.startswith("s3://") and (path := Path(store.uri) / key).is_file():
            return Weights(_digest(path), shown, path)
        data = store.read(key)
    except (CatalogsError, OSError) as error:
        raise WeightsError(f"The {recipe.encoder} weights cannot be read: {error}") from error
    return Weights(hashlib.sha256(data).hexdigest(), shown, data=data)


def resolve_recipe(recipe: Recipe, settings: Settings) -> Recipe:
    """Return the recipe with the digest of its weights; WeightsError where the recipe holds another digest already."""
    embedded = recipe.encoder == "embedded"
    digest = embedded_sha256() if embedded else find_weights(recipe, settings).sha256
    if recipe.encoder_sha256 not in ("", digest):
        place = "the package" if embedded else _readable_address(_location(recipe, settings))
        raise WeightsError(
            f"Recipe '{recipe.name}' wants {recipe.encoder} weights {recipe.encoder_sha256[:12]}..., but"
            f" {place} holds {digest[:12]}...: point to the right file or correct the digest."
        )
    return replace(recipe, encoder_sha256=digest)


def load_encoder(recipe: Recipe, settings: Settings, device: str = "cpu") -> Encoder:
    """Return the recipe's encoder on a device; WeightsError where its weights are missing or were replaced."""
    pooling = cast(Pooling, recipe.pooling)
    if recipe.encoder == "embedded":
        encoder = embedded_encoder(recipe.layers, pooling=pooling, device=device)
    else:
        weights = find_weights(recipe, settings)
        if recipe.encoder_sha256 not in ("", weights.sha256):
            raise WeightsError(
                f"{weights.location} was replaced while the run was on; run again to use the new weights."
            )
        state = _state(weights.read(), weights.location)
        encoder = encoder_with_weights(recipe.encoder, state, recipe.layers, pooling=pooling, device=device)
    if recipe.weight_normalised:
        normalise_weights(encoder, [natural_noise().to(device)])
    return encoder


def _location(recipe: Recipe, settings: Settings) -> str:
    """The address of the weights: the recipe's, else the settings', else torchvision's."""
    configured = {"vgg19": settings.vgg19_weights, "vgg16": settings.vgg16_weights}
    return recipe.encoder_weights or configured[recipe.encoder] or _published_url(recipe.encoder)


def _readable_address(location: str) -> str:
    """An address as messages may show it: without user and password, and without a query, where signatures are."""
    return without_password(location).partition("?")[0]


def _published_url(encoder: str) -> str:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    weights = {"vgg19": VGG19_Weights.IMAGENET1K_V1, "vgg16": VGG16_Weights.IMAGENET1K_V1}
    return str(weights[encoder].url)


def _download(url: str, recipe: Recipe, settings: Settings) -> Path:
    """The file in the cache, downloaded once; its SHA-256 must begin with the digest that is known."""
    shown = _readable_address(url)
    if without_password(url) != url:
        raise WeightsError(
            f"{shown} was given with a user or password, which are not sent: give a path, s3://, or a signed address."
        )
    wanted = recipe.encoder_sha256 or (match[1] if (match := HASH_IN_NAME.search(shown)) else "")
    if not wanted:
        raise WeightsError(
            f"{shown} does not say what its contents must be: set encoder_sha256 in the recipe, or use a file name"
            " that ends in the first digits of its SHA-256, as name-dcbb9e9d.pth."
        )
    try:
        # A user without a home has no ~.
        path = settings.cache.expanduser() / f"{wanted[:8]}-{shown.rpartition('/')[2]}"
        if path.exists() and _digest(path).startswith(wanted):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=wanted, progress=False)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"The {recipe.encoder} weights cannot be downloaded from {shown}: {error}. Without a network, put the"
            f" file somewhere and set STYLEMILL_{recipe.encoder.upper()}_WEIGHTS to its path; STYLEMILL_CACHE is the"
            " folder for downloads."
        ) from error
    return path


def _state(data: bytes, location: str) -> dict[str, Tensor]:
    """A state dict from safetensors or from a weights-only checkpoint; nothing that can run code."""
    try:
        if location.endswith(".safetensors"):
            return load_safetensors(data)
        _require_stored(data)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no checkpoint may fail with any exception
        raise WeightsError(
            f"{location} holds no weights that can be loaded safely ({_first_line(error)}): give safetensors, or"
            " a state dict that torch.load(weights_only=True) accepts."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise WeightsError(f"{location} holds no state dict (names and tensors): save model.state_dict().")
    # Checkpoints with the classifier carry hundreds of megabytes that no encoder uses.
    return {key: value for key, value in state.items() if key.startswith("features.")}


def _require_stored(data: bytes) -> None:
    """Refuse a compressed ZIP: torch compresses nothing, and would unpack gigabytes without a word."""
    # Torch tells a ZIP from its older format by these bytes.
    if not data.startswith(b"PK\x03\x04"):
        return
    entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    size = sum(entry.file_size for entry in entries)
    if packed or size > len(data):
        raise ValueError(
            f"a ZIP of {len(data)} bytes with {len(packed)} packed entries, {size} bytes unpacked; torch.save packs none"
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _digest(path: Path) -> str:
    """The SHA-256 of a file; from memory, if its size and time are those of the last call."""
    stat = path.stat()
    state = (str(path.absolute()), stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if state not in _known:
        with path.open("rb") as file:
            _known[state] = hashlib.file_digest(file, "sha256").hexdigest()
    return _known[state]


_known: dict[tuple[str, int, int, int], str] = {}
"""Digests of files by path, inode, size and time of change."""
