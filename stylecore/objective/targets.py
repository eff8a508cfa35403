"""Targets: what pairs are drawn to at one level. Their tensors lead with B, so that pairs come and go by place."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor

from stylecore.objective.patches import Match, PatchSource

Named = Mapping[str, Tensor]
"""Tensors by the name of a layer or a term."""

ByStatistic = Mapping[str, Named]
"""Tensors by the name of a statistic, then by layer."""


@dataclass(frozen=True)
class ContentTargets:
    """What a garment is held to at one level; every tensor leads with B.

    `features` are the encoder's, by content layer; `guides` B x P x h x w by layer, a channel a part;
    `energy_floors` B x P by statistic and layer (`losses.ENERGY_FLOOR`); `cloth` the guide of all parts together,
    B x 1 x H x W in [0, 1]; `term_targets` what the garment's own light, edges and colours are, by the term that
    holds them.
    """

    features: Named
    guides: Named
    energy_floors: ByStatistic
    cloth: Tensor
    term_targets: Named


@dataclass(frozen=True)
class Folds:
    """The light of a garment's folds, 1 x 1 x h x w (`shading.folds`): what lies over the painted style."""

    light: Tensor


@dataclass(frozen=True)
class StyleTargets:
    """What a style is measured as at one level.

    `statistics` are 1 x P x ... by statistic and layer. `patches` are the style's own by layer; as styles differ in
    size, they stay with their pair and never share a tensor with another's.
    """

    statistics: ByStatistic
    patches: Mapping[str, PatchSource]


@dataclass(frozen=True)
class Targets:
    """What a batch of pairs is drawn to at one level.

    `statistics` are the styles', B x P x ... by statistic and layer; `matches` what the patches that are assigned to
    each picture ask for, by statistic and layer; `weights` has B values by term.
    """

    content: ContentTargets
    statistics: ByStatistic
    matches: Mapping[str, Mapping[str, Match]]
    weights: Named

    def of_pair(self, pair: int) -> "Targets":
        """The targets of the pair at place `pair` of the batch, as a batch of one; views, not copies."""
        one_pair: Targets = _with_each(self, lambda tensor: tensor[pair : pair + 1])
        return one_pair

    def zeros_for(self, pairs: int) -> "Targets":
        """Zeros for a batch of `pairs` pairs of the same shapes."""
        zeros: Targets = _with_each(self, lambda tensor: tensor.new_zeros((pairs, *tensor.shape[1:])))
        return zeros

    def overwrite(self, pair: int, targets: "Targets") -> None:
        """Copy the targets of one pair (a batch of one) to place `pair` of the batch, in place."""
        _overwrite(self, pair, targets)

    def overwrite_matches(self, pair: int, targets: "Targets") -> None:
        """Copy the matches alone of one pair (a batch of one) to place `pair` of the batch, in place."""
        _overwrite(self.matches, pair, targets.matches)


def named_tensors(record: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a record of targets with its name, as `content.features.relu4_2`."""
    if isinstance(record, Tensor):
        yield name, record
        return
    inner = (
        record if isinstance(record, Mapping) else {f.name: getattr(record, f.name) for f in fields(record)}
    )
    for part, value in inner.items():
        yield from named_tensors(value, f"{name}.{part}")


def _overwrite(batch: Any, pair: int, of_pair: Any) -> None:
    given = dict(named_tensors(of_pair))
    for name, tensor in named_tensors(batch):
        tensor[pair : pair + 1].copy_(given[name])


def _with_each(record: Any, work: Callable[[Tensor], Tensor]) -> Any:
    """The record with `work` done to every tensor in it."""
    if isinstance(record, Tensor):
        return work(record)
    if isinstance(record, Mapping):
        return {name: _with_each(value, work) for name, value in record.items()}
    return replace(record, **{f.name: _with_each(getattr(record, f.name), work) for f in fields(record)})
