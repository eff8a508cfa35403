"""How long a design is expected to take: by designs of the same recipe and device, else by a model of CPUs."""

from collections.abc import Sequence

from flows.planning.run_config import RunConfig, open_catalogs
from stylecore.recipe import Recipe

LARGE_SIDE = 1024
"""Longer side, px, that garments are thought to have where a recipe paints them in their own size."""

CPU_SECONDS = {"embedded": 0.9e-6, "vgg16": 5e-6, "vgg19": 6.5e-6}
"""Seconds a pixel and step on 2 CPU cores in float32, by encoder."""

PATCHES = 1.7
"""Times longer a pixel and step where patches are assigned and the style's own pixels enlarge the design: recipe house
against recipe brushwork, which makes 1.25 times the steps (benchmarks/results/scoreboard.json)."""


def estimate_seconds(config: RunConfig) -> float | None:
    """Return the expected device seconds a design, or None where nothing is known.

    On a cluster, whose devices are not known here, designs of this recipe on any device count.
    SettingsError where the device is not there.
    """
    from flows.planning.devices import device_name, require_device

    if config.settings.ray:
        return measured_seconds(config)
    device = require_device(config.device)
    return measured_seconds(config, device_name(device), device.type)


def measured_seconds(config: RunConfig, device: str = "", kind: str = "") -> float | None:
    """Return the expected seconds a design by filed designs of this recipe, else by the model, else None.

    `device` is the full name of a device, as records hold it; designs on any device count where it is empty.
    `kind` is the kind of device that the model is asked for, as `cpu`.
    """
    table = open_catalogs(config).designs.read(["recipe_digest", "device", "seconds"])
    rows = zip(*(table[column].to_pylist() for column in table.column_names), strict=True)
    digest = config.recipe.digest()
    measured = [seconds for recipe, name, seconds in rows if recipe == digest and device in ("", name)]
    return seconds_a_design(config.recipe, kind, measured)


def seconds_a_design(recipe: Recipe, device: str, measured: Sequence[float] = ()) -> float | None:
    """Return the expected device seconds of a design: the median of `measured`, else a model for CPUs, else None.

    The model is steps x pixels x a constant measured on 2 cores
    (benchmarks/results/embedded_judge_house.json).
    """
    if measured:
        return sorted(measured)[len(measured) // 2]
    if device != "cpu":
        return None
    height, width = recipe.canvas
    # How large garments are is not known before they are read; halved sizes add up to a third.
    growth = LARGE_SIDE / max(recipe.canvas)
    large = recipe.large_steps * growth**2 * 4 / 3 if growth > 1 else 0.0
    pixel_steps = (sum(steps * scale**2 for scale, steps in recipe.levels) + large) * height * width
    evaluations = 1.2 if recipe.optimizer == "lbfgs" else 1.0
    patches = PATCHES if recipe.assigns_patches else 1.0
    return pixel_steps * evaluations * patches * CPU_SECONDS[recipe.encoder]
