"""Exports as dirty as real ones: every promise is kept, and memory does not grow with the file."""

import io
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from demo import chaos, disturbances, scenario
from demo.database import count
from demo.make_export import VARIANTS, export
from demo.order_book import load_orders
from demo.run import create_run, open_database
from demo.screen import Screen
from emulator.cloud import Cloud, running
from emulator.faults.chance import Kind
from tests.support.laptop import deploy_laptop

ROOT = Path(__file__).resolve().parents[2]
SEED, ORDERS, CANCELLED = 7, 30, 0.5
CHAOS_SEED, CHAOS_ORDERS = 8, 12
RARE = {Kind.STALL, Kind.CUT, Kind.LOST, Kind.LATE, Kind.DEATH, disturbances.OPERATOR_KILLED}
"""Faults that so few orders may never meet."""
Platform = tuple[Cloud, Mapping[str, str]]
READ = """
import resource, sys
from pathlib import Path
from demo.order_book import load_orders
from demo.run import create_run, open_database
database = open_database(Path(sys.argv[2]))
orders = load_orders(Path(sys.argv[1]), database)
print(orders, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running() as cloud:
        yield cloud, deploy_laptop(cloud)


def test_every_promise_is_kept_to_the_orders_of_each_export(platform: Platform, tmp_path: Path):
    cancelled = 0
    for variant in VARIANTS:
        path = tmp_path / f"{variant}-{SEED}.csv"
        lines = export(seed=SEED, orders=ORDERS, variant=variant, cancelled=CANCELLED)
        path.write_bytes(b"".join(lines))
        shown = io.StringIO()
        with closing(open_database(tmp_path / f"{variant}.sqlite3")) as database:
            assert load_orders(path, database) > ORDERS * 0.8
            kept = scenario.run_export(
                *(*platform, database, Screen(shown)),
                name=path.stem,
                with_faults=False,
            )
            assert kept, f"seed {SEED}, {shown.getvalue()}"
            (left,) = database.execute(
                """SELECT count(*) FROM invoices WHERE number NOT IN
                (SELECT invoice FROM accepted UNION ALL SELECT invoice FROM rejections)"""
            ).fetchone()
            assert left == 0, f"seed {SEED}, {shown.getvalue()}"
            cancelled += count(
                database,
                "orders JOIN cancel_requests USING (order_id)"
                " WHERE state = 'CANCELLED' AND answered_state IS NOT NULL",
            )
    # How far they had come is chance: tests/e2e/orders/test_cancelling.py cancels at each moment.
    assert cancelled, f"seed {SEED}"


def test_every_promise_is_kept_when_requests_deliveries_and_processes_fail(
    platform: Platform, tmp_path: Path
):
    path = tmp_path / "chaos.csv"
    path.write_bytes(b"".join(export(seed=CHAOS_SEED, orders=CHAOS_ORDERS, variant="retail")))
    shown = io.StringIO()
    with closing(open_database(tmp_path / "chaos.sqlite3")) as database:
        load_orders(path, database)
        run = create_run(*platform, database, reshard=False)
        outcome = chaos.play(run, Screen(shown), seed=CHAOS_SEED, pause=3, grace=5)
    assert not outcome.violations, f"{outcome.summary()}\n{shown.getvalue()}"
    assert {kind for kind, number in outcome.faults.items() if not number} <= RARE, outcome


def test_reading_ten_times_as_many_orders_takes_no_more_memory(tmp_path: Path):
    small, large = (peak(tmp_path, "limits", orders) for orders in (1_000, 10_000))
    assert large < 1.1 * small, f"seed {SEED}: {small} for 1,000 orders, {large} for 10,000"


def peak(directory: Path, variant: str, orders: int) -> int:
    """The most memory that a process of its own has while it takes such an export in."""
    path = directory / f"{variant}-{SEED}-{orders}.csv"
    with path.open("wb") as file:
        file.writelines(export(seed=SEED, orders=orders, variant=variant))
    process = subprocess.run(
        [sys.executable, "-c", READ, path, path.with_suffix(".sqlite3")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    taken_in, most = map(int, process.stdout.split())
    assert taken_in > orders * 0.9
    return most
