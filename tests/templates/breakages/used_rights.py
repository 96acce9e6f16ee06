"""What each check of ``checks.used_rights`` must report."""

from tests.templates.breakages.common import Case, grant, take_from_policy
from tests.templates.checks import used_rights
from tests.templates.kinds import QUEUE, QUEUE_POLICY

CHECK = used_rights.right_that_a_test_run_used_is_granted
BREAKAGES: list[Case] = [
    (CHECK, grant("JobsExpireOrdersRole", Action="dynamodb:GetItem")),
    (CHECK, grant("HoldOrderRole", Resource={"Ref": "AnotherTable"})),
    (CHECK, take_from_policy(QUEUE_POLICY, "LogAllRuleUndeliveredPolicy", "Allow", QUEUE)),
]
