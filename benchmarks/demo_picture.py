"""Make the README's picture: the newest contact sheet of the demo's designs, as a JPEG that a page loads fast.

make demo && python -m benchmarks.demo_picture demo/designs [OUT]
"""

import argparse
import sys
from pathlib import Path

from PIL import Image


def main() -> None:
    """Convert the newest contact sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("designs", type=Path, help="the design catalog, a folder")
    parser.add_argument("out", type=Path, nargs="?", default=Path("docs/pictures/demo.jpg"), help="the JPEG")
    options = parser.parse_args()
    # A run's folder begins with its time.
    newest = max(options.designs.glob("runs/*/contact_sheet.png"), default=None)
    if newest is None:
        sys.exit(f"{options.designs} holds no runs/*/contact_sheet.png: give the folder of a design catalog.")
    with Image.open(newest) as sheet:
        sheet.convert("RGB").save(options.out, quality=88, optimize=True)
    print(f"{newest} -> {options.out}")


if __name__ == "__main__":
    main()
