"""``python -m tools.reference``: what is missing from the reference, or with a folder its pages."""

import sys
from pathlib import Path

from . import lacking, unsaid, write


def main() -> int:
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
        return 0
    missing = [*lacking(), *unsaid()]
    print("\n".join(missing) or "every name has a summary and an example, and says shapes and errors")
    return bool(missing)


sys.exit(main())
