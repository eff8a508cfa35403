"""The main job on real garments and styles with VGG-19, from a real S3 server to the same server.

    python -m benchmarks.main_job --assets DIR --out DIR [--garments 6] [--styles 6]

Walks through a catalog's life and checks every step: the first run is killed in the middle (SIGKILL) and
run again; a run without new work writes nothing; a style is added; a garment's pixels change; another
recipe is used. DIR of the assets holds garments/, styles/ and weights/vgg19_features.safetensors. The
contact sheets and a table of what happened are written to --out.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store

BUCKET = "looks"
STUDIO = """base = "studio"
canvas = [256, 208]
levels = [[0.25, 20], [0.5, 10], [1.0, 4]]
"""
HOUSE = """base = "house"
canvas = [256, 208]
levels = [[0.25, 20], [0.5, 10], [1.0, 4]]
"""
GARMENTS = ("g01", "g04", "g10", "g13", "g20", "g24", "g15", "g09")
STYLES = ("s01", "s02", "s20", "s24", "s40", "s48", "s45", "s35")


def main() -> None:
    """Serve, upload, run through a catalog's life, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--garments", type=int, default=6)
    parser.add_argument("--styles", type=int, default=6)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    server = serve()
    try:
        life = _Life(options)
        life.live()
    finally:
        server.terminate()
        server.wait()
    (options.out / "main_job.json").write_text(json.dumps(life.steps, indent=1) + "\n")
    print(pd.DataFrame(life.steps).to_string(index=False))


def serve() -> "subprocess.Popen[bytes]":
    """A real S3 server in a process of its own, and its address and credentials in the environment."""
    import boto3

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    until = time.monotonic() + 60
    while True:
        try:
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            return server
        except Exception:
            if time.monotonic() > until:
                server.kill()
                raise
            time.sleep(0.5)


class _Life:
    """A catalog in the bucket, and what its runs did."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.steps: list[dict[str, Any]] = []
        self.inputs, self.designs = open_store(f"s3://{BUCKET}/in"), open_store(f"s3://{BUCKET}/designs")
        self.rows: dict[str, list[dict[str, str]]] = {}
        for kind, column in (("garments", "garment_id"), ("styles", "style_id")):
            with (options.assets / kind / "catalog.csv").open(newline="", encoding="utf-8") as file:
                self.rows[kind] = [{**row, "parts": "", "part_scheme": ""} for row in csv.DictReader(file)]
            wanted = GARMENTS if kind == "garments" else STYLES
            self.rows[kind] = [row for name in wanted for row in self.rows[kind] if row[column] == name]

    def live(self) -> None:
        """Every step, checked."""
        garments, styles = self.options.garments, self.options.styles
        recipe = self._recipe("studio256.toml", STUDIO)
        self._upload(garments, styles)
        killed = self._killed(recipe, garments * styles // 3)
        self._step("killed, then run again", recipe, made=garments * styles - killed, there=killed)
        before = {entry.key: entry.etag for entry in self.designs.list()}
        self._step("nothing new", recipe, made=0, there=garments * styles)
        assert {entry.key: entry.etag for entry in self.designs.list()} == before, "a run without work wrote"
        self._upload(garments, styles + 1)
        self._step("one style added", recipe, made=garments, there=garments * styles)
        self._change_a_pixel(self.rows["garments"][0]["image"])
        self._step("one garment changed", recipe, made=styles + 1, there=(garments - 1) * (styles + 1))
        total = garments * (styles + 1)
        self._step("another recipe", self._recipe("house256.toml", HOUSE), made=total, there=0)
        frame = self._table()
        assert len(frame) == garments * styles + garments + styles + 1 + total, "old designs are kept"

    def _recipe(self, name: str, text: str) -> Path:
        path = self.options.out / name
        path.write_text(text)
        return path

    def _upload(self, garments: int, styles: int) -> None:
        for kind, count in (("garments", garments), ("styles", styles)):
            rows = self.rows[kind][:count]
            for row in rows:
                for column in ("image", "mask"):
                    if row.get(column):
                        self.inputs.write(
                            f"{kind}/{row[column]}", (self.options.assets / kind / row[column]).read_bytes()
                        )
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
            self.inputs.write(f"{kind}/catalog.csv", text.getvalue().encode())

    def _change_a_pixel(self, image: str) -> None:
        picture = Image.open(io.BytesIO(self.inputs.read(f"garments/{image}"))).convert("RGB")
        picture.putpixel((0, 0), (1, 2, 3))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=95)
        self.inputs.write(f"garments/{image}", buffer.getvalue())

    def _start(self, recipe: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "flows.command.cli", "run", "--recipe", str(recipe)]
        for name in ("garments", "styles"):
            command += [f"--{name}", f"s3://{BUCKET}/in/{name}"]
        weights = self.options.assets / "weights" / "vgg19_features.safetensors"
        environment = {
            **os.environ,
            "STYLEMILL_VGG19_WEIGHTS": str(weights),
            "STYLEMILL_COMMIT_SECONDS": "20",
        }
        return subprocess.Popen(
            [*command, "--designs", self.designs.uri],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _killed(self, recipe: Path, after: int) -> int:
        """Kill a run once so many pictures are there; returns how many records it left."""
        process = self._start(recipe)
        while sum(entry.key.endswith(".png") for entry in self.designs.list("images/")) < after:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.5)
        process.kill()
        process.wait()
        left = len(self._table())
        self.steps.append({"step": "killed by SIGKILL", "made": left, "there": 0, "seconds": None})
        return left

    def _step(self, name: str, recipe: Path, made: int, there: int) -> None:
        started, process = time.monotonic(), self._start(recipe)
        said, errors = process.communicate()
        assert process.returncode == 0, errors
        wanted = f"{made} new designs, {there} already there" if made else f"all {there} designs are there"
        assert wanted in said, said
        self._table()
        self.steps.append(
            {"step": name, "made": made, "there": there, "seconds": round(time.monotonic() - started, 1)}
        )
        print(self.steps[-1], flush=True)
        for line in said.splitlines():
            if line.startswith("Contact sheet:"):
                key = line.split(f"{self.designs.uri}/")[1]
                (self.options.out / f"{name.replace(' ', '_')}.png").write_bytes(self.designs.read(key))

    def _table(self) -> pd.DataFrame:
        """The records: each once, each with its picture of the right digest and the template's size."""
        frame = DesignCatalog(self.designs).read().to_pandas()
        assert frame["design_id"].is_unique
        for row in frame.itertuples():
            data = self.designs.read(str(row.image))
            assert hashlib.sha256(data).hexdigest() == row.image_sha256
            assert np.asarray(Image.open(io.BytesIO(data))).shape[:2] == (row.height, row.width)
        return frame


if __name__ == "__main__":
    main()
