"""What a worker keeps between the shards of a run: its device, encoder and opened catalogs, and what it has decoded."""

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from cachetools import LRUCache

from catalogs.records import Garment
from catalogs.templates.template import Template
from flows.painting.image_tensors import read_template
from flows.planning.devices import choose_batch, choose_precision, require_device
from flows.planning.run_config import RunCatalogs, RunConfig, open_catalogs
from flows.planning.weights import load_encoder
from stylecore.encoders.encoder import Encoder
from stylecore.objective.target_cache import TargetCache
from stylecore.stylization import in_precision

TEMPLATE_BYTES = 2**31
"""Decoded garments kept in memory, bytes; a shard of the next style needs the same ones."""
LARGE_BATCH = 4
"""Pairs a batch, at most, of a recipe that paints beyond its canvas."""


@dataclass
class WorkerContext:
    """Everything that stays between the shards of one run in one process; `batch` shrinks where memory is short."""

    config: RunConfig
    catalogs: RunCatalogs
    encoder: Encoder
    device: torch.device
    precision: str
    batch: int
    templates: "LRUCache[str, Template]" = field(
        default_factory=lambda: LRUCache(TEMPLATE_BYTES, getsizeof=_bytes)
    )
    targets: TargetCache = field(default_factory=TargetCache)

    def template(self, garment: Garment) -> Template:
        """Return a decoded garment, from memory if it was used lately."""
        if garment.garment_id not in self.templates:
            template = read_template(self.catalogs.garments, garment, self.config.settings.max_pixels)
            self.templates[garment.garment_id] = template
        return self.templates[garment.garment_id]

    @property
    def slots(self) -> int:
        """Pairs a batch; a pair in its garment's own size holds hundreds of megabytes, also while it waits."""
        return min(self.batch, LARGE_BATCH) if self.config.recipe.large_steps else self.batch


@lru_cache(maxsize=1)
def open_worker_context(config: RunConfig) -> WorkerContext:
    """Open the catalogs and load the encoder of a run, once a process.

    Raises:
        SettingsError: the device is not there.
        WeightsError: the weights are missing or were replaced.
    """
    device = require_device(config.device)
    precision = choose_precision(config.settings.precision, device)
    encoder = load_encoder(config.recipe, config.settings, str(device))
    return WorkerContext(
        config=config,
        catalogs=open_catalogs(config),
        encoder=in_precision(encoder, precision),
        device=device,
        precision=precision,
        batch=choose_batch(config.settings.batch, device),
    )


def _bytes(template: Template) -> int:
    """The memory that a template takes, bytes; a template larger than TEMPLATE_BYTES is kept as the only one."""
    planes = (template.picture.rgb, template.picture.alpha, template.mask)
    return min(TEMPLATE_BYTES, sum(plane.nbytes for plane in planes if plane is not None))
