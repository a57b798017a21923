"""Random histories of a box, run on the store and on a model of plain dictionaries: both must stay the same.
So must a device that follows `/changes` at any moment, with pages of any size, closed and opened again.

`HISTORIES=500 make test` tries more of them.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from infra.local.stack import LocalStack
from tests.clients.eventually import eventually
from tests.stack.behind import Behind
from tests.sync.histories import Histories

pytestmark = pytest.mark.whole

HISTORIES = int(os.environ.get("HISTORIES", "6"))


@pytest.mark.nms("restartToken", "Whoever follows from a token ends with what the box holds")
def test_random_histories_agree_with_the_model_and_a_device_that_follows_ends_equal(
    stack: LocalStack,
) -> None:
    """P3, P4: nothing is missed; content with a link is there, and content without one is deleted."""
    unlinked: list[str] = []
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Histories(stack, unlinked),
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    behind = Behind(stack, "of no box")
    assert unlinked
    for content_key in unlinked:
        assert eventually(lambda key=content_key: behind.is_away(key), 60)
