"""What the tests of the operator's commands share."""

from datetime import timedelta

import pytest


@pytest.fixture(autouse=True)
def _settled_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check looks again at what seemed wrong once every commit shows whole: here that is at once."""
    monkeypatch.setattr("infra.ops.check.checking.SETTLED", timedelta(seconds=0.2))
