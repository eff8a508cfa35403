"""The recipe: one frozen configuration of everything that shapes a design's pixels.

Planning reads recipes without torch, so this module does not load it. The module is long because a field's
meaning, its choices and its limits are read together.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from stylecore.errors import RecipeError, nearest
from stylecore.recipe_values import (
    PATCH_STATISTICS,
    STYLE_LAYERS,
    Layers,
    Levels,
    Statistics,
    convert_value,
    style_statistic,
)

ENGINE_VERSION = 4
"""Part of every digest: raised when a change of the engine, or of how catalogs read pictures, changes pixels."""

LARGEST = 4096
"""Longer side, px, up to which a recipe with `large_steps` paints."""

MOST_STEPS = 100_000
"""Steps of all levels together; a hundred times the longest named recipe's. More was meant for something else."""

MOST_DETAIL = 10.0
"""Times that the template's detail may be laid over a design."""

MOST_SHADING = 2.0
"""Times that the light of the garment's folds may be laid over a design."""

MOST_LEVELS = 20
"""Levels of a recipe; each has a batch and targets of its own in memory."""

LONGEST_NAME = 200
UNDIGESTED = ("name", "encoder_weights")
"""Fields that do not shape pixels: what a recipe is called, and where (not which) its weights lie."""

CHOICES: dict[str, tuple[object, ...]] = {
    "encoder": ("embedded", "vgg19", "vgg16"),
    "pooling": ("max", "average"),
    "normalisation": ("balanced", "gatys", "johnson", "luan"),
    "color": ("style", "keep", "match"),
    "init": ("content", "recoloured", "shaded", "print", "noise", "style"),
    "optimizer": ("adam", "lbfgs"),
    "variation_exponent": (1, 2),
}

STATISTIC_NAMES = (
    "gram",
    "mean_and_deviation",
    "covariance",
    "wasserstein",
    "mmd_linear",
    "mmd_polynomial",
    "mmd_gaussian",
    *PATCH_STATISTICS,
)
"""What a style can be measured by; stylecore/objective/statistics.py and patches.py say what each is."""

WHOLE_STATISTICS = ("mmd_gaussian",)
"""Statistics that cannot be put together from windows (stylecore/objective/windows.py)."""


@dataclass(frozen=True)
class Recipe:
    """A complete configuration. Every field has its meaning in one sentence.

    Raises RecipeError that lists every field out of range.
    """

    name: str = "house"
    """What a person calls it; not part of the digest."""
    encoder: str = "embedded"
    """The network whose features are compared: embedded (small, in the package), vgg19 or vgg16 (finer, six times the
    time, a download)."""
    encoder_weights: str = ""
    """Where its weights lie (path, s3:// or https://); empty: the package's or torchvision's own."""
    encoder_sha256: str = ""
    """Which weights they are; filled in when they are loaded, and part of the digest."""
    pooling: str = "max"
    """How the encoder halves its grid: max or average."""
    weight_normalised: bool = False
    """Scale every filter to a mean activation of 1 (Gatys et al. 2016)."""
    content_layers: Layers = (("relu4_2", 1.0),)
    """Layers that hold the content, each with its weight: deep ones hold shapes, shallow ones every line."""
    statistics: Statistics = (style_statistic("gram"), style_statistic("patches", 2.0))
    """What a style is measured by, each with its weight and its layers (shallow ones hold grain and colour, deep ones
    motifs): gram keeps colours and strokes, patches keeps motifs whole. Others: mean_and_deviation, covariance,
    wasserstein, mmd_linear, mmd_polynomial, mmd_gaussian, patches_nearest, patches_relaxed (docs/method.md)."""
    assignment_steps: int = 5
    """Steps between two assignments of the style's patches to places of the design: fewer is slower, and follows the
    design more closely. Safe: 2 to 10."""
    normalisation: str = "balanced"
    """How terms are scaled: balanced (ours), or as printed by gatys, johnson or luan."""
    content_weight: float = 0.02
    """How strongly the garment's own structure holds: less lets the pattern win, more keeps the garment.
    Safe: 0.01 to 1; recipe print has none."""
    style_weight: float = 1.0
    """How strongly the style's statistics pull: more paints harder; content_weight is finer. Safe: 0.3 to 3."""
    variation_weight: float = 0.05
    """How strongly grain is smoothed (total variation): more is smoother and loses fine lines. Safe: 0 to 0.3."""
    variation_exponent: int = 2
    """Power of neighbour differences that are smoothed: 2 smooths all, 1 keeps edges."""
    lighting_weight: float = 2.5
    """How strongly coarse light is drawn to the garment's while it is painted. With `shading` it spreads the pattern's
    own light and dark evenly, and too much greys white grounds; without, it makes the folds. Safe: 0 to 5."""
    saliency_weight: float = 0.0
    """How strongly the garment's edges (seams, logos) hold as what the eye is drawn to: more keeps them,
    and above 0.02 colours that are neither's come in. Safe: 0 to 0.02."""
    photorealism_weight: float = 0.0
    """How strongly colours may only change as smooth functions of the garment's (matting Laplacian): with it the
    photograph stays and only its colours change. Safe: 0, or 1000 to 100000."""
    parts: bool = False
    """Whether to paint part by part, where garment and style have part maps, or the whole garment at once."""
    color: str = "style"
    """Whose colours the design wears: style; keep (the garment's, everywhere its own); match (the style, recoloured to
    the garment's mean and spread)."""
    init: str = "shaded"
    """What the optimiser starts from: content, content recoloured, the style's mean colour under the light of the
    garment's folds (shaded), the style printed on the garment (print), noise or style."""
    start_noise: float = 0.2
    """Noise laid over what the optimiser starts from, as a standard deviation in units of the picture's range: without
    it plain cloth keeps plain areas, with more the folds are lost. Safe: 0 to 0.3."""
    optimizer: str = "adam"
    """How pixels are moved: adam, or lbfgs (slower a step, fewer of them)."""
    learning_rate: float = 0.045
    """Adam's step at the start of a level, in units of the picture's range; the first trial step of lbfgs: more is
    faster and rougher. Safe: 0.005 to 0.05."""
    final_learning_rate: float = 0.045
    """Adam's step at the end of a level; it changes linearly. Safe: a tenth of learning_rate, up to all of it."""
    beta_1: float = 0.8
    """Share of its direction that Adam keeps each step: less follows newly assigned patches sooner. Safe: 0.5 to 0.9."""
    beta_2: float = 0.99
    """Share of its measure of gradients' sizes that Adam keeps each step: less forgets a level's rough start sooner.
    Safe: 0.9 to 0.999."""
    canvas: tuple[int, int] = (320, 256)
    """Height and width, px, that the garment is fitted into at the finest level: more shows finer strokes, and takes
    time and memory by its area. Safe: [160, 128] to [1024, 832]."""
    margin: float = 0.04
    """Room around the garment's bounding box, as a share of its longer side. Safe: 0 to 0.2."""
    style_scale: float = 1.0
    """Size of the motifs: 0.5 halves them. Times the canvas's longer side; for recipe print times the true size, where
    print_width_cm and repeat_width_cm are known (else a style's longer side is taken for half the canvas's).
    Safe: 0.5 to 2."""
    levels: Levels = ((0.25, 64), (0.5, 40), (1.0, 16))
    """Coarse to fine: share of the canvas, and at most so many steps there. Coarse steps place large motifs and are
    cheap, fine steps draw detail; time goes with their sum by area. Safe: 1 to 4 levels of 10 to 150 steps."""
    large_steps: int = 0
    """Steps at each doubling from the canvas to the garment's own size, at most 4096 px; 0 paints no larger.
    Safe: 0, or 4 to 16."""
    tolerance: float = 0.0
    """A pair leaves a level when its loss fell by less than this share over `window` steps; 0 never. More is faster and
    coarser. Safe: 0 to 0.01."""
    window: int = 10
    """Steps between two looks at whether a pair has converged. Safe: 5 to 20."""
    detail: float = 0.6
    """How much of the template's light and dark finer than the canvas is laid over the design: more shows the weave.
    Safe: 0 to 1."""
    shading: float = 1.0
    """How strongly the light and shadow of the garment's folds lie over the painted style, whatever is printed on the
    garment: 1 is as they are read, 0 leaves the style flat, 2 is the most. Another value also moves motifs.
    Safe: 0 to 1.5."""
    detail_limit: float = 0.03
    """Where the template's fine light and dark is stronger than this (root mean square, in units of the picture's range)
    it is the edge of its print and is left out; from 1 on nothing is. Safe: 0.01 to 0.1, or 1 to keep prints."""
    style_detail: float = 1.0
    """How much of the style's own detail finer than the canvas is laid over the design, copied from the places of the
    style that the design's are like: with 0 the canvas is only stretched to the template's size. Safe: 0 to 1."""
    seed: int = 0
    """Fixes the noise of init = noise and of start_noise."""

    def __post_init__(self) -> None:
        """Refuse what is out of range, everything at once."""
        for name, kind in get_type_hints(Recipe).items():
            object.__setattr__(self, name, convert_value(name, getattr(self, name), kind))
        if not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise RecipeError(
                f"A recipe's name is {self.name[:40]!r}: give it up to {LONGEST_NAME} letters that can be seen, on one"
                " line."
            )
        object.__setattr__(self, "statistics", tuple(each for each in self.statistics if each.weight))
        problems = list(_problems(self))
        if problems:
            raise RecipeError(f"Recipe '{self.name}': {'; '.join(problems)}.")

    def canonical_json(self) -> str:
        """Everything that shapes pixels as JSON: sorted keys, no spaces, the engine's version included.

        A field without effect has its default: recipes that paint the same are the same.
        """
        same = dataclasses.replace(self, **{name: DEFAULTS[name] for name in self.without_effect()})
        fields = {k: v for k, v in dataclasses.asdict(same).items() if k not in UNDIGESTED}
        return json.dumps({**fields, "engine_version": ENGINE_VERSION}, sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of every layer that the recipe looks at, content layers first, each once."""
        return self.structure().layers

    def has(self, term: str) -> bool:
        """Whether a term (a name of `TERM_NAMES`) counts: its weight is above 0."""
        return bool(getattr(self, f"{term}_weight") > 0)

    def without_effect(self) -> dict[str, str]:
        """Fields that were set, and have no effect beside the others; why, by the field's name."""
        unused = ((name, why(self)) for name, why in UNUSED.items())
        return {name: reason for name, reason in unused if reason and getattr(self, name) != DEFAULTS[name]}

    def structure(self) -> "Structure":
        """What the recipe has in common with all recipes that may share a batch with it."""
        shared = {name: getattr(self, name) for name in STRUCTURAL_FIELDS}
        if not self.has("style"):
            shared["statistics"] = ()
        return Structure(**shared, terms=tuple(term for term in TERM_NAMES if self.has(term)))

    @property
    def assigns_patches(self) -> bool:
        """Whether patches of the style are assigned to places of the design."""
        return self.has("style") and any(statistic.is_of_patches for statistic in self.statistics)

    @property
    def steps(self) -> int:
        """Steps of all levels together."""
        return sum(steps for _, steps in self.levels)


DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Recipe)}

UNUSED: dict[str, Callable[[Recipe], str]] = {
    "seed": lambda recipe: (
        ""
        if recipe.init == "noise" or recipe.start_noise
        else f"init is '{recipe.init}', start_noise is 0, and only noise asks for it"
    ),
    "start_noise": lambda recipe: "init is 'noise'" if recipe.init == "noise" else "",
    "detail_limit": lambda recipe: "" if recipe.detail else "detail is 0",
    "style_detail": lambda recipe: "" if recipe.assigns_patches else "no statistic compares patches",
    "assignment_steps": lambda recipe: "" if recipe.assigns_patches else "no statistic compares patches",
    "window": lambda recipe: "" if recipe.tolerance else "tolerance is 0, so nobody looks",
    "variation_exponent": lambda recipe: "" if recipe.has("variation") else "variation_weight is 0",
    "content_layers": lambda recipe: "" if recipe.has("content") else "content_weight is 0",
    "statistics": lambda recipe: "" if recipe.has("style") else "style_weight is 0",
    **{
        beta: lambda recipe: "" if recipe.optimizer == "adam" else "lbfgs has its own memory"
        for beta in ("beta_1", "beta_2")
    },
    "final_learning_rate": lambda recipe: "" if recipe.optimizer == "adam" else "lbfgs chooses its own steps",
}
"""Why a field has no effect, by its name; empty where it has."""

TERM_NAMES = tuple(name.removesuffix("_weight") for name in DEFAULTS if name.endswith("_weight"))
"""Names of the objective's terms, in the order of their weights above; stylecore/objective/terms.py says what each is.
The field `content_weight` is the weight of the term `content`."""


@dataclass(frozen=True)
class Structure:
    """What all pairs of one batch have in common; recipes with one structure share batches.

    A weight is a number of each pair's own, so no weight is here: a function that takes a structure cannot read a
    wrong one. Whether a term counts at all is one thing for a batch: `terms` names those that do. The other fields
    are the recipe's of the same name. Fields of a recipe that are not here may differ from pair to pair.
    """

    encoder: str
    encoder_sha256: str
    pooling: str
    weight_normalised: bool
    content_layers: Layers
    statistics: Statistics
    assignment_steps: int
    normalisation: str
    variation_exponent: int
    parts: bool
    optimizer: str
    canvas: tuple[int, int]
    levels: Levels
    large_steps: int
    tolerance: float
    window: int
    terms: tuple[str, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of every layer that is looked at, content layers first, each once."""
        of_content = (layer for layer, _ in self.content_layers)
        return tuple(dict.fromkeys((*of_content, *self.style_names)))

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names of the layers that any statistic of the style looks at."""
        return tuple(dict.fromkeys(layer for each in self.statistics for layer, _ in each.layers))

    @property
    def moments(self) -> Statistics:
        """Statistics that compare whole layers."""
        return tuple(statistic for statistic in self.statistics if not statistic.is_of_patches)

    @property
    def patches(self) -> Statistics:
        """Those of the statistics that compare patches."""
        return tuple(statistic for statistic in self.statistics if statistic.is_of_patches)

    @property
    def patch_names(self) -> tuple[str, ...]:
        """Names of the layers whose patches are compared."""
        return tuple(dict.fromkeys(layer for each in self.patches for layer, _ in each.layers))


STRUCTURAL_FIELDS = tuple(field.name for field in dataclasses.fields(Structure) if field.name != "terms")
"""Fields of a recipe in which pairs of one batch do not differ."""


def recipe_from(mapping: Mapping[str, Any], base: Recipe | None = None) -> Recipe:
    """A recipe from plain values (as TOML gives them), over `base` where a field is not named.

    Layers may be a list of names (equal weights that sum to 1) or a table of name = weight; statistics a list of names
    or a table of name = weight or name = { weight, layers }. What version 0.1 wrote is read as it was meant. Raises
    RecipeError for an unknown or misspelt field (with the nearest valid name), for a wrong type, and for values out
    of range (all of them in one message).
    """
    types = get_type_hints(Recipe)
    values: dict[str, Any] = {}
    for name, value in _in_this_version(mapping).items():
        if name not in types:
            raise RecipeError(f"There is no recipe field '{name}': {nearest(name, types)}")
        values[name] = convert_value(name, value, types[name])
    return dataclasses.replace(base or Recipe(), **values)


def _in_this_version(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of version 0.1, which had one `statistic` on `style_layers` and laid no noise over a start, as ours."""
    old = {name: mapping[name] for name in ("statistic", "style_layers") if name in mapping}
    if not old:
        return mapping
    if "statistics" in mapping:
        raise RecipeError(
            f"{' and '.join(old)} are version 0.1's words for statistics: give statistics alone."
        )
    name = convert_value("statistic", old.get("statistic", "gram"), str)
    layers = convert_value("style_layers", old.get("style_layers", STYLE_LAYERS), Layers)
    others = {field: value for field, value in mapping.items() if field not in old}
    return {
        "start_noise": 0.0,
        "detail_limit": 1.0,
        "shading": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        **others,
        "statistics": [(name, 1.0, layers)],
    }


def _problems(recipe: Recipe) -> Iterator[str]:
    for field, choices in CHOICES.items():
        value = getattr(recipe, field)
        if value not in choices:
            yield f"{field} cannot be '{value}': {nearest(str(value), map(str, choices))[:-1]}"
    yield from _number_problems(recipe)
    if min(recipe.canvas) < 32 or max(recipe.canvas) > 8192:
        yield f"canvas is {recipe.canvas[0]} x {recipe.canvas[1]}, but each side must be 32 to 8192 px"
    yield from _layer_problems(recipe)
    yield from _statistic_problems(recipe)
    yield from _large_problems(recipe)
    yield from _level_problems(recipe)
    if not 0 <= recipe.seed < 2**63:
        yield f"seed is {recipe.seed}, but must be 0 to 2^63 - 1"


def _number_problems(recipe: Recipe) -> Iterator[str]:
    for field in (
        *(f"{term}_weight" for term in TERM_NAMES),
        "margin",
        "detail",
        "tolerance",
        "start_noise",
        "style_detail",
        "shading",
    ):
        if not 0 <= getattr(recipe, field) < float("inf"):
            yield f"{field} is {getattr(recipe, field)}, but must be 0 or more"
    if recipe.style_detail > 1:
        yield f"style_detail is {recipe.style_detail}, but must be 1 or less: 1 is all of the style's"
    if recipe.detail > MOST_DETAIL:
        yield f"detail is {recipe.detail}, but must be {MOST_DETAIL} or less: 1 is all of the template's"
    if recipe.shading > MOST_SHADING:
        yield f"shading is {recipe.shading}, but must be {MOST_SHADING} or less: 1 is as the folds are read"
    for field in ("learning_rate", "final_learning_rate", "style_scale", "detail_limit"):
        if not 0 < getattr(recipe, field) < float("inf"):
            yield f"{field} is {getattr(recipe, field)}, but must be above 0"
    for field in ("beta_1", "beta_2"):
        if not 0 < getattr(recipe, field) < 1:
            yield f"{field} is {getattr(recipe, field)}, but must be above 0 and below 1"
    for field in ("window", "assignment_steps"):
        if getattr(recipe, field) < 1:
            yield f"{field} is {getattr(recipe, field)}, but must be at least 1"


def _level_problems(recipe: Recipe) -> Iterator[str]:
    scales = [scale for scale, _ in recipe.levels]
    if len(scales) > MOST_LEVELS:
        yield f"there are {len(scales)} levels, but at most {MOST_LEVELS} can be made: give fewer"
        return
    if (
        not scales
        or scales != sorted(scales)
        or not all(0 < scale <= 1 for scale in scales)
        or scales[-1] != 1
    ):
        yield f"levels have scales {scales}, but they must rise and end at 1.0"
    if any(steps < 0 for _, steps in recipe.levels):
        yield "levels cannot have fewer than 0 steps"
    for field, steps in (("levels", recipe.steps), ("large_steps", recipe.large_steps)):
        if steps > MOST_STEPS:
            yield f"{field} have {steps} steps together, but at most {MOST_STEPS} can be made: give fewer"


def _layer_problems(recipe: Recipe) -> Iterator[str]:
    if not recipe.layers:
        yield "it names no layer: give content_layers, statistics or both"
    fields = {"content_layers": recipe.content_layers}
    fields |= {f"statistics.{each.name}": each.layers for each in recipe.statistics}
    for field, layers in fields.items():
        for layer, times in Counter(layer for layer, _ in layers).items():
            if times > 1:
                yield f"{field} names {layer} {times} times: give it once, with the sum of its weights"
        for layer, weight in layers:
            if not 0 <= weight < float("inf"):
                yield f"{field} gives {layer} the weight {weight}, but it must be 0 or more"


def _statistic_problems(recipe: Recipe) -> Iterator[str]:
    for name, times in Counter(each.name for each in recipe.statistics).items():
        if name not in STATISTIC_NAMES:
            yield f"statistics cannot have '{name}': {nearest(name, STATISTIC_NAMES)[:-1]}"
        if times > 1:
            yield f"statistics has {name} {times} times: give it once"
        if recipe.normalisation != "balanced" and name != "gram":
            yield (
                f"normalisation {recipe.normalisation} is defined for Gram matrices, not for {name}: use balanced"
            )
        if recipe.large_steps and name in WHOLE_STATISTICS:
            yield (
                f"statistic {name} compares positions all over a picture, which cannot be done for large"
                " ones: choose another statistic, or large_steps = 0"
            )
    for each in recipe.statistics:
        if not 0 < each.weight < float("inf"):
            yield f"statistics gives {each.name} the weight {each.weight}, but it must be 0 or more"


def _large_problems(recipe: Recipe) -> Iterator[str]:
    if recipe.large_steps < 0:
        yield f"large_steps is {recipe.large_steps}, but must be 0 or more"
