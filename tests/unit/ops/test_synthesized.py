"""Templates that an interrupted synthesis left are an error in one line."""

from pathlib import Path

import pytest

from ops.deployed import OperationError
from ops.environment.synthesized import read_synthesized_templates


def test_templates_are_read_by_stack(tmp_path: Path):
    (tmp_path / "Orders-Dev-A.template.json").write_text('{"Resources": {}}')

    assert read_synthesized_templates(tmp_path, "dev") == {"Orders-Dev-A": {"Resources": {}}}


def test_command_that_synthesizes_this_environment_is_named(tmp_path: Path):
    with pytest.raises(OperationError, match=r"Orders-Prod-…: run make synth ENV=prod$"):
        read_synthesized_templates(tmp_path, "prod")


@pytest.mark.parametrize("content", [b"", b'{"Resources": ', b"[]", b"\xff"])
def test_file_that_is_no_template_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "Orders-Dev-A.template.json").write_bytes(content)

    with pytest.raises(
        OperationError, match=r"Orders-Dev-A\.template\.json .*: run make synth ENV=dev$"
    ):
        read_synthesized_templates(tmp_path, "dev")
