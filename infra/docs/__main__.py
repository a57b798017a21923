"""`python -m infra.docs`: checks that the tables in the pages are the code's; `--write` writes them."""

import argparse
import sys

from infra.docs.pages import get, put
from infra.docs.tables import PAGES, TABLES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="infra.docs", description="The tables made from code.")
    parser.add_argument("--write", action="store_true", help="put them into the pages")
    write = parser.parse_args(arguments).write
    stale = []
    for page, tables in TABLES.items():
        made = {name: make() for name, make in tables.items()}
        stale += [f"{page}: {name}" for name, table in made.items() if get(PAGES / page, name) != table]
        if write:
            put(PAGES / page, made)
    if stale and not write:
        print(f"tables that the code has left behind ({', '.join(stale)}): run make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
