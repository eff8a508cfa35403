"""Settings: environment variables with the prefix `STYLEMILL_`, or a `.env` file."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalogs.images import MAX_PIXELS
from catalogs.store_contract import S3Options
from flows.errors import SettingsError


class Settings(BaseSettings):
    """Where things are and how work is cut; nothing here shapes a design's pixels."""

    model_config = SettingsConfigDict(env_prefix="STYLEMILL_", env_file=".env", extra="ignore", frozen=True)

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

    @property
    def s3(self) -> S3Options:
        """How S3 is reached."""
        return S3Options(self.s3_endpoint_url, self.s3_region, self.s3_path_style)


def read_settings(workers: int | None = None) -> Settings:
    """Settings from the environment, under what is given here.

    SettingsError names every variable that cannot be used.
    """
    try:
        return Settings() if workers is None else Settings(workers=workers)
    except ValidationError as error:
        problems = [
            f"STYLEMILL_{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()
        ]
        raise SettingsError("; ".join(problems)) from error
