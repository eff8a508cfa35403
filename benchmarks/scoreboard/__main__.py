"""Our recipes beside rivals on the same real pairs: measures, seconds, and a sheet of pictures for a blind choice.

    python -m benchmarks.scoreboard --assets DIR --out DIR [--json FILE] [--recipes NAME ...] [--rivals NAME ...]
        [--pairs N] [--drawing N] [--seed N]

The pairs are the 20 of docs/embedded_encoder.md, judged at 320 x 256 by VGG-19; another --drawing pairs the same
garments and styles anew, for recipes that were tuned on those 20. Everything is loaded and has painted
once before a second counts; then one pair after the other is painted by each contestant. All pictures are composed
under the garment's mask; distances are those of what was painted, under the guide, as in docs/embedded_encoder.md. The
row `template` is the garments before anybody painted them. --out gets measures.csv (a row a design), sheet.png (a row
a pair, its designs in an order that --seed shuffles anew for each row) and key.json (who is who); --json gets each
contestant's figures: means, but the median of the fold correlation and the sum of the leak. The pictures are other
people's: do not commit them.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from benchmarks.embedded_encoder.judge import DOCUMENTED
from benchmarks.rivals.named import RIVALS, RivalError
from benchmarks.scoreboard.blind_sheet import SheetRow, blind_sheet, sheet_key, shuffle_columns
from benchmarks.scoreboard.contestants import Contestant, compose, load_recipe, load_rival
from benchmarks.scoreboard.measures import PATCH_NAMES, STYLE_NAMES, SUMMARIES, measure_design, summarise
from benchmarks.scoreboard.pairs import JudgedPair, read_pairs
from stylecore.encoders.encoder import Encoder, encoder_with_weights

Row = dict[str, str | float]
TEMPLATE = "template"
"""The name of the row of garments that nobody painted: what a measure says of no style at all."""


def main() -> None:
    """Let all contestants paint all pairs, and write what came of it."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    weights = load_file(options.assets / "weights" / "vgg19_features.safetensors")
    judge = encoder_with_weights("vgg19", weights, (*STYLE_NAMES, *PATCH_NAMES))
    pairs = read_pairs(options.assets, options.pairs, options.drawing)
    contestants = load_contestants(options.recipes, options.rivals, options.assets)
    rows: list[Row] = []
    sheet_rows = []
    for sheet_row, measured in play(contestants, pairs, judge):
        rows += measured
        sheet_rows.append(sheet_row)
        write_results(options, rows, sheet_rows)
    print(pd.DataFrame(summarise(pd.DataFrame(rows))).T[[*SUMMARIES, "pairs"]].round(3).to_string())


def load_contestants(recipes: list[str], rivals: list[str], assets: Path) -> dict[str, Contestant]:
    """Return recipes and rivals by name; a rival that cannot take part is left out, and a line says why."""
    contestants = {name: load_recipe(name, assets) for name in recipes}
    for name in rivals:
        try:
            contestants[name] = load_rival(name, assets)
        except RivalError as error:
            print(f"{name} is left out: {error}", flush=True)
    return contestants


def play(
    contestants: dict[str, Contestant],
    pairs: list[JudgedPair],
    judge: Encoder,
    measure: Callable[..., dict[str, float]] = measure_design,
) -> Iterator[tuple[SheetRow, list[Row]]]:
    """Yield each pair's pictures and measures; each contestant has painted the first pair before a second counts."""
    for prepare in contestants.values():
        prepare(pairs[0]).paint()
    for pair in pairs:
        template = measure(judge, pair, pair.canvas.content, pair.canvas.content)
        rows: list[Row] = [{"pair": pair.name, "contestant": TEMPLATE, **template, "seconds": 0.0}]
        designs = {}
        for name, prepare in contestants.items():
            painting = prepare(pair)
            began = time.perf_counter()
            picture = painting.paint()
            seconds = time.perf_counter() - began
            judged = painting.to_judged(picture)
            designs[name] = compose(pair, judged)
            measures = measure(judge, pair, judged, designs[name])
            rows.append({"pair": pair.name, "contestant": name, **measures, "seconds": seconds})
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
        yield SheetRow(pair.name, pair.canvas.content, pair.style_13HW, designs), rows


def write_results(options: argparse.Namespace, rows: list[Row], sheet_rows: list[SheetRow]) -> None:
    """Write table, sheet, key and summary of the pairs so far: a run may be stopped."""
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "measures.csv", index=False)
    orders = shuffle_columns(sheet_rows, options.seed)
    blind_sheet(sheet_rows, orders).save(options.out / "sheet.png")
    key = sheet_key(sheet_rows, orders, options.seed)
    (options.out / "key.json").write_text(json.dumps(key, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(summarise(table), indent=1, allow_nan=False) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scoreboard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--assets", type=Path, required=True, help="folder with garments/, styles/ and weights/"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--recipes", nargs="*", default=["house"], help="names, or TOML files")
    parser.add_argument("--rivals", nargs="*", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--drawing", type=int, default=DOCUMENTED, help="seed that pairs garments and styles")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the sheet's columns")
    return parser.parse_args()


if __name__ == "__main__":
    main()
