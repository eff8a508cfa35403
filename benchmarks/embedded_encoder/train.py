"""Train the embedded encoder by distillation from VGG-19.

    python -m benchmarks.embedded_encoder.train --pictures FOLDER --teacher VGG19.safetensors --out DIR

Pictures are those of FOLDER and the ones we draw; every round adds fresh crops and pictures that the
optimiser made with the student as it is. The same command continues a run that was stopped: each
round ends with a checkpoint. `--seed` fixes the pictures, the crops and the start of the weights.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.embedded_encoder.crops import crops, drawn, made_by_optimiser, read_folder
from benchmarks.embedded_encoder.student import Student, errors
from benchmarks.embedded_encoder.teacher import WIDTHS, Projection, fit_projections, targets
from stylecore.encoders.encoder import Encoder, encoder_with_weights

FOLDER_SHARE = 0.35
"""Share of plain crops that come from the folder's pictures; the rest are drawn."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, required=True, help="folder of pictures whose rights are clear"
    )
    parser.add_argument(
        "--teacher", type=Path, required=True, help="VGG-19 weights, safetensors with torchvision's keys"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, the log and the weights"
    )
    parser.add_argument("--validate", type=Path, help="folder of pictures used only to measure")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--round-steps", type=int, default=300, help="steps between additions to the pool")
    parser.add_argument("--crop", type=int, default=128, help="side of a crop, px")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--drawn", type=int, default=900, help="pictures to draw")
    parser.add_argument("--start-crops", type=int, default=1500)
    parser.add_argument("--round-crops", type=int, default=96)
    parser.add_argument(
        "--round-designs", type=int, default=32, help="designs a round; each gives 3 pictures"
    )
    parser.add_argument("--first-designs", type=int, default=2, help="the round that first makes designs")
    parser.add_argument("--pool", type=int, default=4000, help="crops kept of each kind; the oldest leave")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--gram-weight", type=float, default=0.5)
    return parser.parse_args()


@dataclass
class Pool:
    """Pictures and what the teacher says of them; the oldest leave when it is full."""

    size: int
    pictures: Tensor | None = None
    targets: dict[str, Tensor] | None = None

    def add(self, pictures: Tensor, wanted: dict[str, Tensor]) -> None:
        """Append pictures (kept as 8-bit) and their targets."""
        stored = (pictures * 255).round().byte()
        if self.pictures is None or self.targets is None:
            self.pictures, self.targets = stored, wanted
            return
        self.pictures = torch.cat([self.pictures, stored])[-self.size :]
        self.targets = {k: torch.cat([self.targets[k], wanted[k]])[-self.size :] for k in wanted}

    def sample(self, rng: np.random.Generator, count: int) -> tuple[Tensor, dict[str, Tensor]]:
        """A random batch as floats."""
        assert self.pictures is not None and self.targets is not None
        index = torch.from_numpy(rng.integers(0, len(self.pictures), count))
        return self.pictures[index].float() / 255, {k: v[index].float() for k, v in self.targets.items()}


class Training:
    """Everything a run holds between rounds."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Draw and read the pictures, and build or restore the student."""
        self.options = options
        options.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.folder, self.drawn = read_folder(options.pictures), drawn(options.seed, options.drawn)
        self.teacher: Encoder = encoder_with_weights("vgg19", load_file(options.teacher), WIDTHS)
        self.student = Student().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), lr=options.learning_rate, weight_decay=1e-4
        )
        self.plain, self.made = Pool(options.pool), Pool(options.pool)
        self.step, self.round = 0, 0
        self.projections: dict[str, Projection] = {}
        self.resumed = self.restore()

    @property
    def checkpoint(self) -> Path:
        """Where the state between rounds is kept."""
        return self.options.out / "checkpoint.pt"

    def restore(self) -> bool:
        """Continue from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, weights_only=True)
        self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.round = state["step"], state["round"]
        self.projections = {k: Projection(*v) for k, v in state["projections"].items()}
        self.rng = np.random.default_rng([self.options.seed, self.round])
        return True

    def save(self) -> None:
        """Write the checkpoint, then the weights in the form that the package ships."""
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "student": self.student.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "round": self.round,
                "projections": {k: (p.directions_CK, p.moments_K) for k, p in self.projections.items()},
            },
            partial,
        )
        partial.replace(self.checkpoint)
        export(self.student, self.options.out / "embedded.safetensors")

    def plain_crops(self, count: int) -> Tensor:
        """Crops of the folder's and the drawn pictures."""
        ours = int(count * FOLDER_SHARE)
        side = self.options.crop
        return torch.cat(
            [crops(self.rng, self.folder, ours, side), crops(self.rng, self.drawn, count - ours, side)]
        )

    def add(self, pool: Pool, pictures: Tensor) -> None:
        """Ask the teacher and keep its answer."""
        pool.add(pictures, targets(self.teacher, self.projections, pictures))

    def extend(self) -> None:
        """Add fresh crops, and designs made with the student as it is."""
        if self.plain.pictures is None:
            start = self.plain_crops(self.options.start_crops)
            self.projections = self.projections or fit_projections(
                self.teacher, start[torch.randperm(len(start))[:512]]
            )
            self.add(self.plain, start)
        else:
            self.add(self.plain, self.plain_crops(self.options.round_crops))
        if self.round >= self.options.first_designs:
            # The pools are not in the checkpoint; a resumed run begins with several rounds' worth.
            for _ in range(4 if self.resumed and self.made.pictures is None else 1):
                self.add(self.made, self.designs_of_the_student())

    def designs_of_the_student(self) -> Tensor:
        """Pictures that the optimiser makes with the student as it is."""
        sources = self.folder * 4 + self.drawn[:400]
        encoder, heads = self.student.folded(), self.student.heads.requires_grad_(False)
        count, side = self.options.round_designs, self.options.crop
        made = made_by_optimiser(self.rng, encoder, heads, self.projections, sources, count, side)
        self.student.heads.requires_grad_(True)
        return made

    def learn(self) -> dict[str, float]:
        """One round of gradient steps; returns the mean errors."""
        self.student.train()
        sums: dict[str, float] = {}
        until = min(self.step + self.options.round_steps, self.options.steps)
        count = until - self.step
        while self.step < until:
            for name, value in self.gradient_step().items():
                sums[name] = sums.get(name, 0) + value / count
            self.step += 1
        self.student.eval()
        return sums

    def gradient_step(self) -> dict[str, float]:
        """One step of AdamW on half plain crops, half made pictures."""
        share = self.options.batch // 2 if self.made.pictures is not None else 0
        pictures, wanted = self.plain.sample(self.rng, self.options.batch - share)
        if share:
            made, answers = self.made.sample(self.rng, share)
            pictures = torch.cat([pictures, made])
            wanted = {k: torch.cat([wanted[k], answers[k]]) for k in wanted}
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        found = self.student(pictures.contiguous(memory_format=torch.channels_last))
        features, grams = errors(found, wanted, self.projections)
        loss = sum(features.values()) + self.options.gram_weight * sum(grams.values())
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        return {
            **{k: v.item() for k, v in features.items()},
            **{f"gram {k}": v.item() for k, v in grams.items()},
        }

    def learning_rate(self) -> float:
        """A short warm-up, then a cosine to zero."""
        warm = min(1.0, (self.step + 1) / 200)
        return (
            self.options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.step / self.options.steps))
        )

    def validate(self) -> dict[str, float]:
        """Errors on pictures that are never trained on."""
        if self.options.validate is None:
            return {}
        rng = np.random.default_rng(1)
        pictures = crops(rng, read_folder(self.options.validate), 48, self.options.crop)
        wanted = {k: v.float() for k, v in targets(self.teacher, self.projections, pictures).items()}
        with torch.no_grad():
            features, grams = errors(self.student(pictures), wanted, self.projections)
        return {
            **{k: v.item() for k, v in features.items()},
            **{f"gram {k}": v.item() for k, v in grams.items()},
        }


def export(student: Student, path: Path) -> None:
    """Write the folded weights as float16 safetensors: what the package ships."""
    save_file({key: value.half().contiguous() for key, value in student.folded().state_dict().items()}, path)


def main() -> None:
    """Train to the last step, a checkpoint a round."""
    training = Training(arguments())
    started = time.monotonic()
    while training.step < training.options.steps:
        training.extend()
        line = {"trained": training.learn()}
        training.round += 1
        training.save()
        last = training.step >= training.options.steps
        line["held out"] = training.validate() if training.round % 5 == 0 or last else {}
        log(training, line, time.monotonic() - started)


def log(training: Training, line: dict[str, dict[str, float]], seconds: float) -> None:
    """One line to the screen and to the log."""
    errors_by_layer = {name: {k: round(x, 4) for k, x in found.items()} for name, found in line.items()}
    head = {
        "round": training.round,
        "step": training.step,
        "seconds": round(seconds),
        "resumed": training.resumed,
    }
    record = {**head, **errors_by_layer}
    print(json.dumps(record), flush=True)
    with (training.options.out / "log.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
