"""One run of the bench, as a value and as the JSON of results/*.json."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from jobs.bench.hardware import Hardware
from jobs.bench.precision import Check
from jobs.bench.stages import Stage
from jobs.bench.throughput import Throughput


@dataclass(frozen=True)
class BenchResult:
    """The measurements of one run; the field names are those of `scott bench --json`."""

    hardware: Hardware
    version: str  # of the weights
    image_size: int  # px
    precision: str  # in which the stages were measured
    product: tuple[int, int]  # catalogue images, document images
    peak: dict[str, float]  # operations a second by precision, and `bytes` a second (jobs.bench.roofline)
    stages: list[Stage]
    methods: list[Throughput]
    sample: list[Check]

    def to_json(self) -> str:
        """The run as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> BenchResult:
        """The run of a file of results/."""
        fields = json.loads(text)
        return cls(
            hardware=Hardware(**fields["hardware"]),
            version=fields["version"],
            image_size=fields["image_size"],
            precision=fields["precision"],
            product=tuple(fields["product"]),
            peak=fields["peak"],
            stages=[Stage(**stage) for stage in fields["stages"]],
            methods=[Throughput(**method) for method in fields["methods"]],
            sample=[Check(**check) for check in fields["sample"]],
        )

    @property
    def file_name(self) -> str:
        """A file name of the hardware and the weights: lower case, words joined by hyphens, and .json."""
        machine = self.hardware.gpu or f"{self.hardware.cpu} {self.hardware.cores} cores"
        words = f"{machine} {self.version.split('+')[0]}".lower()
        return re.sub(r"[^a-z0-9]+", "-", words).strip("-") + ".json"
