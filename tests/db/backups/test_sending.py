"""A backup is copied to S3-compatible storage, whole and read back; a real client against a real server of the protocol."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from boto3.session import Session
from moto.server import ThreadedMotoServer

from core.objects import Objects
from core.settings import Settings
from db.backups import BackupError, facts, folder, record, work
from db.backups.sending import elsewhere
from db.backups.times import COPY, DAILY


@pytest.fixture
def storage() -> Iterator[Settings]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    words = {
        "endpoint_url": f"http://{host}:{port}",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "region_name": "us-east-1",
    }
    Session().client("s3", **words).create_bucket(Bucket="farm")
    yield Settings(s3_endpoint_url=words["endpoint_url"], s3_bucket="farm", s3_key_id="key", s3_secret_key="secret")
    server.stop()


def reaching(knobs: Settings, storage: Settings, **changed: str) -> Settings:
    there = {name: getattr(storage, name) for name in ("s3_endpoint_url", "s3_bucket", "s3_key_id", "s3_secret_key")}
    return dataclasses.replace(knobs, **{**there, **changed})


def test_a_backup_and_its_record_are_there_byte_for_byte(knobs: Settings, storage: Settings) -> None:
    asked = reaching(knobs, storage)
    made = work.back_up(asked, DAILY, upload=elsewhere(asked))
    for path in (made.file, record.beside(made.file)):
        assert Objects(asked).get(f"backups/{path.name}", 0, path.stat().st_size) == path.read_bytes()


def test_storage_that_refuses_is_told_and_the_next_backup_takes_both_there(knobs: Settings, place: Path, storage: Settings) -> None:
    refused = reaching(knobs, storage, s3_bucket="nowhere")
    with pytest.raises(BackupError, match="is made, and could not be copied to http"):
        work.back_up(refused, DAILY, upload=elsewhere(refused))
    assert "could not be copied" in facts.states(knobs)[COPY].trouble and facts.states(knobs)[DAILY].trouble == ""
    asked = reaching(knobs, storage)
    work.back_up(asked, DAILY, upload=elsewhere(asked))
    assert len(made := folder.backups(place)) == 2
    assert all(Objects(asked).head(f"backups/{path.name}") for one in made for path in (one.file, record.beside(one.file)))
    there = facts.look(asked, 0.0)[COPY]
    assert (there.trouble, there.file) == ("", made[0].file.name)


def test_without_storage_nothing_is_sent(knobs: Settings) -> None:
    assert elsewhere(knobs) is None


def test_storage_that_refuses_for_ever_does_not_fill_the_disk(knobs: Settings, place: Path, storage: Settings) -> None:
    refused = reaching(dataclasses.replace(knobs, backup_daily_keep=1), storage, s3_bucket="nowhere")
    for _ in range(2):
        with pytest.raises(BackupError, match="could not be copied"):
            work.back_up(refused, DAILY, upload=elsewhere(refused))
    assert len(folder.backups(place)) == 1
