"""Write the part of botocore's endpoint data that the functions' clients need.

`python -m tools.endpoint_data` writes `lambdas/runtime/botocore_data/endpoints.json`. To make a
first client, botocore reads its whole file of more than a megabyte and uses little of it, because
it computes endpoints from each service's rules. Only for S3 does it need data that no rule has.
"""

import json
import sys
from pathlib import Path
from typing import Any

import botocore

SOURCE = Path(botocore.__file__).parent / "data" / "endpoints.json"
TARGET = Path(__file__).resolve().parents[1] / "lambdas/runtime/botocore_data/endpoints.json"
KEPT_SERVICE = "s3"


def render() -> str:
    """Return the reduced data as JSON."""
    data: dict[str, Any] = json.loads(SOURCE.read_text())
    for partition in data["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name == KEPT_SERVICE}
        partition["regions"] = {name: {} for name in partition["regions"]}
    return json.dumps(data, separators=(",", ":")) + "\n"


def main() -> int:
    """Write the file."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
