"""Measure how long `cdk synth` takes, next to the app that `cdk init` writes.

`python -m bench.synth_time` runs both in turn, with the CDK command line, and writes
`docs/figures/synth_time.json`. The bare app is validated by the CDK, as it is by default; ours is
not, as after a change on a developer's machine, and a second time as for a deployment.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.figures import write_figures

BARE = """
from aws_cdk import App, Stack, aws_sqs
app = App()
aws_sqs.Queue(Stack(app, "Bare"), "Queue")
app.synth()
"""
ROUNDS = 5
ROOT = Path(__file__).resolve().parents[1]


def seconds(program: str, folder: str, **variables: str) -> float:
    """Return how long a synthesis of the app takes that Python runs."""
    start = time.monotonic()
    app = f"{sys.executable} {program}"
    subprocess.run(
        ["cdk", "synth", "--quiet", "--app", app, "--output", folder],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, **variables},
        check=True,
        capture_output=True,
    )
    return time.monotonic() - start


def main() -> int:
    """Measure, print the medians, and write the figures."""
    taken: dict[str, list[float]] = {"bare": [], "ours": [], "ours, validated": []}
    with TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        for _ in range(ROUNDS):
            taken["bare"].append(seconds(str(bare), f"{folder}/bare"))
            taken["ours"].append(seconds("app.py", f"{folder}/ours"))
            taken["ours, validated"].append(seconds("app.py", f"{folder}/ours", VALIDATE="yes"))
    medians = {name: round(median(found), 2) for name, found in taken.items()}
    ratio = round(medians["ours"] / medians["bare"], 2)
    rounded = {name: [round(each, 2) for each in found] for name, found in taken.items()}
    print(medians, ratio)
    write_figures("synth_time", {"median_s": medians, "ratio": ratio, "seconds": rounded})
    return 0


if __name__ == "__main__":
    sys.exit(main())
