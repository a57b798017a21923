"""`make demo`, or `python -m infra.demo [BACKUP]`."""

import sys

from infra.demo.play import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
