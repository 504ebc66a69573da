"""A small training run from end to end: both steps on cartons of our own, killed on the way, resumed and measured.

    python -m scott_core.training.smoke      (make train-smoke)

Exits with 1 unless the run went on from its checkpoint and ROC AUC on cartons of other brands rose by GAIN.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from scott_core.card import CONFIGS
from scott_core.data.pack import write_pack
from scott_core.data.synthetic import cartons
from scott_core.data.synthetic.cartons import VARIANTS, carton_on_white
from scott_core.evaluation.validation import ValidationSet
from scott_core.training.config import read_config
from scott_core.training.start import build_for_training

CONFIG = CONFIGS / "smoke.yaml"
BRANDS = 60  # to train on, of four cartons each
VAL_BRANDS = 40  # to measure on: other brands
VIEWS = 4  # of each carton
SIDE = 96  # px
GAIN = 0.1  # least rise of ROC AUC


def main() -> int:
    """Runs it and prints two lines; returns the exit status, 0 where the run resumed and learned."""
    with tempfile.TemporaryDirectory(prefix="scott-smoke-") as name:
        folder = Path(name)
        pack = folder / "smoke.pack"
        cartons.main([f"--out={folder}/cartons", f"--brands={BRANDS}", f"--views={VIEWS}", f"--size={SIDE}"])
        write_pack([folder / "cartons"], pack, size=SIDE, val=_validation(folder))
        options = [f"runs={folder}"]
        config = read_config(CONFIG, options)
        card = {"name": "smoke", "image_size": config.score_size, "threshold": 0.5, "slope": 1.0, "bias": 0.0}
        torch.set_num_threads(config.threads)
        untrained = build_for_training(config)
        before = ValidationSet(pack).measure(untrained, {**card, "architecture": config.architecture})["roc_auc"]
        checkpoint = folder / config.name / "checkpoint.pt"
        with _train(pack, options) as process:
            while process.poll() is None and not checkpoint.exists():
                time.sleep(0.2)
            process.kill()
        killed_at = int(torch.load(checkpoint, weights_only=True)["step"])
        with _train(pack, options) as process:
            status = process.wait()
        step = int(torch.load(checkpoint, weights_only=True)["step"])
        best = json.loads((folder / config.name / "best.json").read_text(encoding="utf-8"))
        after = best["validation"]["roc_auc"]
    tell = sys.stdout.write
    tell(f"killed at step {killed_at} of {config.steps}, resumed, ended at {step} with status {status}\n")
    tell(f"ROC AUC on {2 * VAL_BRANDS} pairs of unseen brands: {before:.3f} untrained, {after:.3f} trained\n")
    return int(status != 0 or not 0 < killed_at < step == config.steps or after < before + GAIN)


def _train(pack: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Starts the training run in a process of its own, which can be killed."""
    command = "import sys; from pathlib import Path; from scott_core.training.trainer import train; "
    command += "train(Path(sys.argv[1]), sys.argv[3:], pack=Path(sys.argv[2]))"
    return subprocess.Popen([sys.executable, "-c", command, str(CONFIG), str(pack), *options])


def _validation(folder: Path) -> Path:
    """Writes a pairs file with one matching pair of each brand and one pair of two brands; returns its path."""
    path = folder / "val.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image_a", "image_b", "label"])
        for brand in range(VAL_BRANDS):
            for view in (0, 1):
                seed = (BRANDS + brand) * VARIANTS
                carton_on_white(seed, view, size=SIDE).save(folder / f"{brand}-{view}.png")
            rows.writerow([f"{brand}-0.png", f"{brand}-1.png", 1])
            rows.writerow([f"{brand}-0.png", f"{(brand + 1) % VAL_BRANDS}-1.png", 0])
    return path


if __name__ == "__main__":
    sys.exit(main())
