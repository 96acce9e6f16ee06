import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator import cloud as local_cloud
from emulator.cloud import Cloud, CloudError, running
from emulator.directory_check import why_unusable


def cloud() -> Cloud:
    return Cloud(endpoint="https://127.0.0.1:1", certificate=Path("c"), directory=Path("d"))


def test_each_cloud_has_an_access_key_of_its_own_that_is_not_shown():
    one, other = cloud(), cloud()
    assert one.access_key != other.access_key
    assert one.access_key not in repr(one)
    assert one.environment()["AWS_ACCESS_KEY_ID"] == one.access_key


@pytest.mark.parametrize(
    ("user", "flags", "free", "why"),
    [
        (0, os.ST_NOEXEC, 200, "/x is mounted noexec, so the database"),
        (0, 0, 200, ""),
        (1000, os.ST_NOEXEC, 200, ""),
        (1000, 0, 199, "/x has 199 MB free, and the local cloud needs 200"),
    ],
)
def test_directory_that_cannot_hold_the_cloud_is_refused(
    monkeypatch: pytest.MonkeyPatch, user: int, flags: int, free: int, why: str
):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    system = SimpleNamespace(f_flag=flags, f_bavail=free * 1000, f_frsize=1000)
    monkeypatch.setattr(os, "statvfs", lambda _: system)

    said = why_unusable(Path("/x/orders-1"))

    assert said.startswith(why) and bool(said) == bool(why)


def test_cloud_does_not_start_in_a_directory_that_cannot_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_cloud, "_short_temporary_directory", lambda: tmp_path)
    monkeypatch.setattr(local_cloud, "why_unusable", lambda directory: f"{directory.parent} is bad")

    with pytest.raises(CloudError, match=f"{tmp_path} is bad"), running():
        pass

    assert list(tmp_path.iterdir()) == []
