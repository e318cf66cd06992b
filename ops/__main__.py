"""`python -m ops`: the commands of ./farm."""

import importlib
import importlib.util
import sys


def main() -> int:
    # While the commands are not in the checkout, say so instead of failing on an import.
    found = importlib.util.find_spec("ops.cli")
    app = getattr(importlib.import_module("ops.cli"), "app", None) if found and found.origin else None
    if app is None:
        print("The commands of ./farm are missing: ops/cli is not in this checkout.", file=sys.stderr)
        return 2
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
