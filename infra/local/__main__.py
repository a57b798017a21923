"""`python -m infra.local`: the local stack in the foreground."""

import sys

from infra.local.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
