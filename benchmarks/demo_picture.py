"""Make the README's picture: the newest contact sheet of the demo's designs, as a JPEG that a page loads fast.

make demo && python -m benchmarks.demo_picture demo/designs [OUT]
"""

import sys
from pathlib import Path

from PIL import Image


def main() -> None:
    """Convert the newest contact sheet."""
    designs = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("docs/pictures/demo.jpg")
    newest = max(designs.glob("runs/*/contact_sheet.png"))
    with Image.open(newest) as sheet:
        sheet.convert("RGB").save(out, quality=88, optimize=True)
    print(f"{newest} -> {out}")


if __name__ == "__main__":
    main()
