"""A file in S3-compatible storage: a real client against a real server of the protocol, over sockets."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from boto3.session import Session
from moto.server import ThreadedMotoServer

from core import objects, settings
from core.objects import Object, Objects, ObjectsError, Upload
from core.settings import Settings

PART = 5 << 20  # the least that S3 takes


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def storage(endpoint: str, request: pytest.FixtureRequest) -> Settings:
    bucket = hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    session = Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return dataclasses.replace(settings.load({}), s3_endpoint_url=endpoint, s3_bucket=bucket, s3_key_id="key", s3_secret_key="secret")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    monkeypatch.setattr(objects, "PART_BYTES", PART)

    def make(size: int) -> Path:
        path = tmp_path / "file"
        path.write_bytes((hashlib.sha256(b"x").digest() * (size // 32 + 1))[:size])
        return path

    return make


@pytest.mark.parametrize(
    "size", [0, 1, PART, PART + 1, 2 * PART + 3], ids=["empty", "a byte", "a part", "a part and a byte", "three parts"]
)
def test_a_file_is_there_byte_for_byte_when_put_returns(storage: Settings, file: Callable[[int], Path], size: int) -> None:
    path, there = file(size), Objects(storage)
    told = there.put(path, "raw/a/b.zst")
    assert told == Object(size, hashlib.sha256(path.read_bytes()).hexdigest()) == there.head("raw/a/b.zst")
    if size:
        assert there.get("raw/a/b.zst", 0, size) == path.read_bytes()


def test_who_died_in_the_middle_is_followed_by_one_who_sends_the_rest(storage: Settings, file: Callable[[int], Path]) -> None:
    path, there = file(3 * PART + 1), Objects(storage)
    first = Upload(there, path, "k")
    for _ in range(3):  # a look and two parts
        first.step()
    sent = []
    ask = there._ask
    there._ask = lambda name, **words: (sent.append(words["PartNumber"]) if name == "upload_part" else None, ask(name, **words))[1]  # type: ignore[method-assign]
    there.put(path, "k")
    assert sent == [3, 4]


def test_what_is_there_already_is_read_back_and_not_sent_again(storage: Settings, file: Callable[[int], Path]) -> None:
    path, there = file(2 * PART), Objects(storage)
    there.put(path, "k")
    asked = []
    ask = there._ask
    there._ask = lambda name, **words: (asked.append(name), ask(name, **words))[1]  # type: ignore[method-assign]
    there.put(path, "k")
    assert asked == ["head_object", "get_object", "get_object"]


def test_another_under_the_same_key_is_an_error(storage: Settings, file: Callable[[int], Path]) -> None:
    there = Objects(storage)
    there.put(file(10), "k")
    with pytest.raises(ObjectsError, match="is another"):
        there.put(file(11), "k")


def test_what_was_changed_on_the_way_is_found_by_reading_it_back(storage: Settings, file: Callable[[int], Path]) -> None:
    path, there = file(10), Objects(storage)
    wrong = {"Bucket": storage.s3_bucket, "Key": "k", "Body": b"0123456789"}
    there._client.put_object(**wrong, Metadata={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(ObjectsError, match="not what was sent"):
        there.put(path, "k")


def test_a_bucket_that_is_not_there_is_an_error_and_so_is_a_server(
    storage: Settings, file: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ObjectsError, match="NoSuchBucket"):
        Objects(dataclasses.replace(storage, s3_bucket="nobody")).put(file(1), "k")
    monkeypatch.setattr(objects, "ATTEMPTS", 1)
    with pytest.raises(ObjectsError, match="failed"):
        Objects(dataclasses.replace(storage, s3_endpoint_url="http://127.0.0.1:9")).put(file(1), "k")
