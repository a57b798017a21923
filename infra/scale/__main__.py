"""`make scale` prints the model's tables; `--write` also puts them into `infra/docs/scale.md`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.docs import pages
from infra.scale import report

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
TITLES = {
    "first": "What breaks first, and what helps",
    "costs": "What it costs",
    "limits": "Every limit",
    "settings": "Settings before and after",
    "warm": "WarmThroughput, where all users come at once",
    "profile": "Assumptions",
    "sources": "Limits and prices",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="infra.scale", description="The store at a carrier's size.")
    parser.add_argument("--write", action="store_true", help="put the tables into infra/docs/scale.md, too")
    asked = parser.parse_args(arguments)
    blocks = report.blocks(report.model())
    for name, block in blocks.items():
        print(f"{TITLES[name]}\n\n{block}\n")
    if asked.write:
        pages.put(PAGE, blocks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
