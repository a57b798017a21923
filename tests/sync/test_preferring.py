"""Whatever happens to a box and to its preferences, a device that follows them ends with what it wants."""

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from infra.local.stack import LocalStack
from tests.sync.preferring import Preferring

HISTORIES = int(os.environ.get("HISTORIES", "6"))


def test_a_device_with_preferences_ends_with_exactly_the_objects_in_view(stack: LocalStack) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Preferring(stack),
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
