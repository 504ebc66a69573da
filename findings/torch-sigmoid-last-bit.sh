#!/usr/bin/env bash
# torch's float32 sigmoid of one value depends, in its last bit, on where in a tensor the value stands.
#
# Seen with torch 2.15.0 on an x86-64 CPU (AVX2 and AVX512): among equal elements of one tensor, the elements of whole
# vectors and those of the rest at its end get results that differ by one unit in the last place, for some values. So a
# probability depends on how many others are computed with it. In float64, rounded to float32 afterwards, all are equal.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys

import torch

torch.set_num_threads(1)
values = torch.linspace(-8, 8, 2001)
unequal = [float(v) for v in values if len(torch.sigmoid(v.repeat(37)).unique()) > 1]
by_way_of_float64 = [v for v in values if len(torch.sigmoid(v.repeat(37).double()).float().unique()) > 1]
print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
print(f"of {len(values)} values repeated 37 times, float32's sigmoid is not the same at all places for {len(unequal)}")
print(f"by way of float64: for {len(by_way_of_float64)}")
sys.exit(not unequal or bool(by_way_of_float64))
PYTHON
