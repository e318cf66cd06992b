"""Where backups are copied to, if anywhere: S3-compatible storage, as the raw archive is."""

from collections.abc import Callable
from pathlib import Path

from core.settings import Settings
from db.backups import BackupError


def elsewhere(knobs: Settings) -> Callable[[Path, str], object] | None:
    """Takes (file, key) and returns when the file was read back whole; None where no storage is set. The call raises BackupError."""
    if not knobs.s3_endpoint_url:
        return None
    from core.objects import Objects, ObjectsError  # boto3 is large, and this is imported by commands that send nothing

    there = Objects(knobs)

    def send(path: Path, key: str) -> None:
        try:
            there.put(path, key)
        except ObjectsError as exc:
            raise BackupError(f"{path.name} is made, and could not be copied to {knobs.s3_endpoint_url}: {exc}") from exc

    return send
