"""Files that only one account may read, replaced whole."""

import os
from pathlib import Path

from ops.local.accounts import Account


def write_private(path: Path, text: str, account: Account) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    account.owns(draft)
    draft.replace(path)
