"""The templates against those of the last release (`python -m tools.template_changes`)."""

from ops.changes.compare import Effect, compare
from ops.changes.templates import REPLACING, reduce_template
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform
from tools.template_changes import released_templates


def test_update_of_the_last_release_is_not_refused():
    """`python -m tools.template_changes` lists all changes; docs/how-to/release.md has the ways."""
    changes = compare(released_templates(), platform("prod").templates)

    assert [str(change) for change in changes if change.effect is Effect.REFUSED] == []


def test_released_templates_have_what_holds_data():
    released = released_templates()

    assert sum(len(template["Resources"]) for template in released.values()) > 300
    assert "OrdersA9B65338" in released["Orders-Prod-Orders"]["Resources"]


def test_released_templates_are_reduced():
    released = released_templates()

    assert {stack: reduce_template(template) for stack, template in released.items()} == released


def test_replacing_properties_of_every_type_are_known():
    """A new type needs a row: ``make lint-templates``, then ``tools/replacing_properties.py``."""
    kinds = {resource.kind for name in ENVIRONMENTS for resource in platform(name).all()}

    assert {
        kind for kind in kinds - REPLACING.keys() if not kind.startswith(("Custom::", "AWS::CDK::"))
    } == set()
