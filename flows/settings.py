"""Settings: environment variables with the prefix `STYLEMILL_`, or a `.env` file."""

import io
import logging
import os
import re
from functools import cache
from pathlib import Path
from typing import Literal

from dotenv.parser import parse_stream
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalogs.images.codec import MAX_PIXELS
from catalogs.storage.addresses import trim_address
from catalogs.storage.store_contract import S3Options
from flows.errors import SettingsError
from flows.text_files import read_text
from stylecore.errors import close_to

log = logging.getLogger(__name__)

ENV_FILE = ".env"
LIBRARY_NAMES = re.compile(r"AWS_|PREFECT_API_|PREFECT_HOME$")
"""Names that the libraries of S3 and of Prefect read from the environment."""
READ_ELSEWHERE = ("HOME", "TOKEN", "ASSETS")
"""Names with the prefix that other modules and programs read (docs/settings.md)."""


class Settings(BaseSettings):
    """Where things are and how work is cut; nothing here shapes a design's pixels."""

    model_config = SettingsConfigDict(
        env_prefix="STYLEMILL_",
        env_file=ENV_FILE,
        # An empty value counts as not set, so that templates of .env files can list settings without values.
        env_ignore_empty=True,
        # Blanks and carriage returns come with values that were copied, and are no part of any value.
        str_strip_whitespace=True,
        allow_inf_nan=False,
        extra="ignore",
        frozen=True,
    )

    garments: str = Field("", description="the garment catalog: a folder or s3://bucket/prefix")
    styles: str = Field("", description="the style catalog")
    designs: str = Field("", description="the design catalog")
    recipe: str = Field("house", description="a recipe's name, or a TOML file")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of features; auto takes bfloat16 where the device has it in hardware"
    )
    batch: int = Field(0, ge=0, description="pairs a batch; 0 chooses by device and recipe")
    tile: int = Field(
        768, ge=0, description="longest side, px, painted at once; larger levels go by windows; 0 never does"
    )
    compile: bool = Field(True, description="compile the objective on a GPU; the plain way where that fails")
    workers: int = Field(
        0, ge=0, description="processes that make designs at once; 0: one, or one a GPU where device is auto"
    )
    ray: str = Field("", description="make designs on this Ray cluster: auto, local, or its address")
    ray_gpus: float = Field(1, ge=0, description="GPUs of one Ray worker; 0 works on CPUs")
    shard_seconds: float = Field(300, gt=0, description="device time that one task should take")
    commit_seconds: float = Field(
        60, gt=0, description="finished designs wait at most this long for their record"
    )
    vgg19_weights: str = Field(
        "", description="VGG-19 weights: path, s3:// or https://; empty: torchvision's"
    )
    vgg16_weights: str = Field("", description="VGG-16 weights, likewise")
    log: Literal["text", "json"] = Field("text", description="json: a JSON object a line on standard error")
    pushgateway: str = Field("", description="a Prometheus Pushgateway that hears how far a run is")
    cache: Path = Field(Path("~/.cache/stylemill"), description="folder for downloaded weights")
    max_pixels: int = Field(MAX_PIXELS, gt=0, description="larger pictures are refused")
    s3_endpoint_url: str | None = Field(None, description="other than AWS; AWS_ENDPOINT_URL works too")
    s3_region: str | None = Field(None, description="AWS_REGION and profiles work too")
    s3_path_style: bool | None = Field(None, description="address buckets by path; default: with an endpoint")

    @field_validator("*", mode="before")
    @classmethod
    def _without_quotes(cls, value: object) -> object:
        """Refuse quotes around a value: a path in quotes would be a folder whose name begins with one."""
        text = value.strip() if isinstance(value, str) else ""
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            raise ValueError(
                "the quotes are part of the value (Docker's --env-file keeps them): leave them out"
            )
        return value

    @property
    def s3(self) -> S3Options:
        """Endpoint, region and addressing with which S3 is reached."""
        return S3Options(self.s3_endpoint_url, self.s3_region, self.s3_path_style)


def read_settings(workers: int | None = None) -> Settings:
    """Read the settings from the environment and `.env`; `workers` counts before both, where it is given.

    SettingsError names every variable that cannot be used, and a `.env` file that is not text. A name that is close to
    a setting's is reported in the log.
    """
    text, encoding = read_text(Path(ENV_FILE)) if Path(ENV_FILE).is_file() else ("", "utf-8")
    names = _names_in(text)
    for name in (*os.environ, *names):
        _warn_of_misspelt(name.upper())
    _warn_of_unread(tuple(dict.fromkeys(name for name in names if LIBRARY_NAMES.match(name))))
    given = {} if workers is None else {"workers": workers}
    try:
        return Settings(_env_file_encoding=encoding, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [_problem(str(e["loc"][0]), e["input"], e["msg"]) for e in error.errors()]
        raise SettingsError("; ".join(problems)) from error


def _names_in(text: str) -> list[str]:
    """Names to which a .env file gives values; SettingsError for a line that names a setting without a value."""
    names: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        named = binding.key and re.fullmatch(r"\w+", binding.key)
        if not named and "STYLEMILL_" in _without_remark(binding.original.string).upper():
            line = binding.original.string.strip().splitlines()[0]
            raise SettingsError(
                f"{ENV_FILE}, line {binding.original.line}: {line[:80]!r} is not NAME=value (no colon, no 'set', quotes"
                " in pairs)."
            )
        if binding.key:
            if binding.key in names and binding.key.upper().startswith("STYLEMILL_"):
                log.warning("%s gives %s twice: the last one counts.", ENV_FILE, binding.key)
            names.append(binding.key)
    return names


def _without_remark(line: str) -> str:
    return "" if line.strip().startswith("#") else line


@cache
def _warn_of_unread(names: tuple[str, ...]) -> None:
    """Warn, once, of names in `.env` that libraries read from the environment alone."""
    if unread := [name for name in names if name not in os.environ]:
        log.warning(
            "%s in %s is not read: put it into the environment, as by 'set -a; . ./%s'.",
            ", ".join(unread),
            ENV_FILE,
            ENV_FILE,
        )


def _problem(field: str, value: object, what: str) -> str:
    name = f"STYLEMILL_{field.upper()}"
    environment = {variable.upper() for variable in os.environ}
    return f"{name}={value!r}{'' if name in environment else f' in {ENV_FILE}'}: {what.removeprefix('Value error, ')}"


def require_catalog(noun: str, given: str | None, settings: Settings) -> str:
    """Return the URI of the catalog of this noun (garment, style, design): as given, or as set.

    SettingsError where neither names it.
    """
    if uri := trim_address(given or "") or str(getattr(settings, f"{noun}s")):
        return uri
    raise SettingsError(f"No {noun} catalog: give --{noun}s URI or set STYLEMILL_{noun.upper()}S.")


@cache
def _warn_of_misspelt(name: str) -> None:
    """Warn, once, of a name with our prefix that is not a setting's, but close to one."""
    known = [field.upper() for field in (*Settings.model_fields, *READ_ELSEWHERE)]
    before, prefix, field = name.partition("STYLEMILL_")
    if not before and prefix and field not in known and (meant := close_to(field, known, cutoff=0.8)):
        log.warning("%s is no setting: did you mean STYLEMILL_%s?", name, meant)
