"""What an operation costs is written down in infra/costs.md; here it is measured again."""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "infra" / "costs.md"


def test_each_operation_costs_what_is_written_down() -> None:
    measured = subprocess.run(
        [sys.executable, "-m", "infra.local.costs"], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    assert measured.count("\n") > 10
    assert measured in PAGE.read_text()
