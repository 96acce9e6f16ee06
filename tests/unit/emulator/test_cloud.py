import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator.cloud import Cloud, CloudError, check_programs_may_run


def cloud() -> Cloud:
    return Cloud(endpoint="https://127.0.0.1:1", certificate=Path("c"), directory=Path("d"))


def test_each_cloud_has_an_access_key_of_its_own_that_is_not_shown():
    one, other = cloud(), cloud()
    assert one.access_key != other.access_key
    assert one.access_key not in repr(one)
    assert one.environment()["AWS_ACCESS_KEY_ID"] == one.access_key


@pytest.mark.parametrize(
    ("user", "flags", "message"),
    [(0, os.ST_NOEXEC, "noexec"), (0, 0, ""), (1000, os.ST_NOEXEC, "")],
)
def test_noexec_directory_is_refused_for_the_database(
    monkeypatch: pytest.MonkeyPatch, user: int, flags: int, message: str
):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))
    if message:
        with pytest.raises(CloudError, match=f"^/x is mounted {message}, so the database"):
            check_programs_may_run(Path("/x/orders-1"))
    else:
        check_programs_may_run(Path("/x/orders-1"))
