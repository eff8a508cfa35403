"""Encoder weights: found, checked, and made into the encoder that a recipe asks for."""

import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from catalogs.errors import CatalogsError, without_password
from catalogs.stores import locate
from flows.errors import WeightsError
from flows.settings import Settings
from stylecore.embedded import embedded_encoder, embedded_sha256
from stylecore.encoders import Encoder, Pooling, encoder_with_weights, natural_noise, normalise_weights
from stylecore.recipe import Recipe

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def resolve_recipe(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with the digest of the weights it will use; a digest it already holds must agree."""
    digest = embedded_sha256() if recipe.encoder == "embedded" else _sha256(_read(recipe, settings))
    if recipe.encoder_sha256 not in ("", digest):
        raise WeightsError(
            f"Recipe '{recipe.name}' wants {recipe.encoder} weights {recipe.encoder_sha256[:12]}..., but"
            f" {_shown(_location(recipe, settings))} holds {digest[:12]}...: point to the right file or correct"
            " the digest."
        )
    return replace(recipe, encoder_sha256=digest)


def load_encoder(recipe: Recipe, settings: Settings, device: str = "cpu") -> Encoder:
    """The recipe's encoder on a device, ready to work."""
    pooling = cast(Pooling, recipe.pooling)
    if recipe.encoder == "embedded":
        encoder = embedded_encoder(recipe.layers, pooling=pooling, device=device)
    else:
        data = _read(recipe, settings)
        if recipe.encoder_sha256 not in ("", _sha256(data)):
            raise WeightsError(
                f"{_shown(_location(recipe, settings))} was replaced while the run was on; run again to use the"
                " new weights."
            )
        state = _state(data, _shown(_location(recipe, settings)))
        encoder = encoder_with_weights(recipe.encoder, state, recipe.layers, pooling=pooling, device=device)
    if recipe.weight_normalised:
        normalise_weights(encoder, [natural_noise().to(device)])
    return encoder


def _location(recipe: Recipe, settings: Settings) -> str:
    """Where the weights lie: the recipe says, or the settings, or torchvision."""
    own = {"vgg19": settings.vgg19_weights, "vgg16": settings.vgg16_weights}
    return recipe.encoder_weights or own[recipe.encoder] or _published(recipe.encoder)


def _shown(location: str) -> str:
    """An address as messages may show it: without user and password, and without a query, where signatures are."""
    return without_password(location).partition("?")[0]


def _published(encoder: str) -> str:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    weights = {"vgg19": VGG19_Weights.IMAGENET1K_V1, "vgg16": VGG16_Weights.IMAGENET1K_V1}
    return str(weights[encoder].url)


def _read(recipe: Recipe, settings: Settings) -> bytes:
    location = _location(recipe, settings)
    if location.startswith(("https://", "http://")):
        return _downloaded(location, recipe, settings).read_bytes()
    try:
        store, key = locate(location, settings.s3)
        return store.read(key)
    except CatalogsError as error:
        raise WeightsError(f"The {recipe.encoder} weights cannot be read: {error}") from error


def _downloaded(url: str, recipe: Recipe, settings: Settings) -> Path:
    """The file in the cache, downloaded once; its SHA-256 must begin with the digest that is known."""
    shown = _shown(url)
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
    path = settings.cache.expanduser() / f"{wanted[:8]}-{shown.rpartition('/')[2]}"
    if path.exists() and _sha256(path.read_bytes()).startswith(wanted):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=wanted, progress=False)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"The {recipe.encoder} weights cannot be downloaded from {shown}: {error}. Without a network, put the"
            f" file somewhere and set STYLEMILL_{recipe.encoder.upper()}_WEIGHTS to its path."
        ) from error
    return path


def _state(data: bytes, location: str) -> dict[str, Tensor]:
    """A state dict from safetensors or from a weights-only checkpoint; nothing that can run code."""
    try:
        if location.endswith(".safetensors"):
            return load_safetensors(data)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # what is no checkpoint fails in as many ways as there are files
        raise WeightsError(
            f"{location} holds no weights that can be loaded safely ({_first_line(error)}): give safetensors, or"
            " a state dict that torch.load(weights_only=True) accepts."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise WeightsError(f"{location} holds no state dict (names and tensors): save model.state_dict().")
    # Checkpoints with the classifier carry hundreds of megabytes that no encoder looks at.
    return {key: value for key, value in state.items() if key.startswith("features.")}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
