"""S3-compatible storage: a file goes there in parts, each with its checksum, and is read back before it counts as being there.

What has arrived of a file the storage itself says, so that whoever was killed goes on where it was. Nothing is ever deleted.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from core.settings import Settings

#: A part is what one request carries; a file has at most 10,000.
PART_BYTES, MOST_PARTS = 8 << 20, 9_000
TIMEOUT_SECONDS = 30
#: Of one request, by the client itself, with growing pauses.
ATTEMPTS = 4


class ObjectsError(Exception):
    """The storage is away, refuses, or does not give back what it was given."""


class Object(NamedTuple):
    """What stands under a key. `sha256`: as it was told by whoever put it there; None: it did not say."""

    size: int
    sha256: str | None


class Objects:
    """Of one bucket. Every method raises ObjectsError; none holds more than a part in memory."""

    def __init__(self, settings: Settings) -> None:
        # Late: whoever uploads nothing need not carry them.
        from boto3.session import Session
        from botocore.config import Config

        self._bucket = settings.s3_bucket
        # Storage that is only like S3 knows no checksums but Content-MD5.
        config = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        )
        session = Session(
            aws_access_key_id=settings.s3_key_id,
            aws_secret_access_key=settings.s3_secret_key,
            region_name=_region(settings.s3_endpoint_url),
        )
        self._client: Any = session.client("s3", endpoint_url=settings.s3_endpoint_url, config=config)

    def put(self, path: Path, key: str) -> Object:
        """Bring a file there and read it back; returns when it is proven to be there, at once when it is already."""
        upload = Upload(self, path, key)
        while not upload.step():
            pass
        return upload.told

    def head(self, key: str) -> Object | None:
        found = self._ask("head_object", Key=key)
        return None if found is None else Object(int(found["ContentLength"]), found.get("Metadata", {}).get("sha256"))

    def get(self, key: str, begin: int, size: int) -> bytes:
        """Some bytes of an object, fewer at its end."""
        found = self._ask("get_object", Key=key, Range=f"bytes={begin}-{begin + size - 1}", read=True)
        if found is None:
            raise ObjectsError(f"{key} is not there")
        return bytes(found)

    def _ask(self, name: str, *, read: bool = False, **words: Any) -> Any:
        """None where the storage says that there is no such thing."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from urllib3.exceptions import HTTPError

        try:
            said = getattr(self._client, name)(Bucket=self._bucket, **words)
            return said["Body"].read() if read else said
        except ClientError as exc:
            if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404 and exc.response["Error"]["Code"] != "NoSuchBucket":
                return None
            raise ObjectsError(f"{name} was refused: {exc}") from exc
        except (BotoCoreError, HTTPClientError, HTTPError, OSError) as exc:
            raise ObjectsError(f"{name} failed: {exc}") from exc


class Upload:
    """One file on its way. `step` takes it a part further; true: it is there and was read back whole."""

    def __init__(self, objects: Objects, path: Path, key: str, sha256: str | None = None) -> None:
        """`sha256`: of the file, where it is known."""
        self._objects, self._path, self._key = objects, path, key
        self._size = path.stat().st_size
        self._part = max(PART_BYTES, -(-self._size // MOST_PARTS))
        self.told = Object(self._size, sha256 or sha256_of(path))
        self._upload_id, self._etags = "", dict[int, str]()
        self._read, self._proof = 0, hashlib.sha256()
        self._next = self._look

    def step(self) -> bool:
        """Raises ObjectsError; the next step begins with what the storage has."""
        try:
            return self._next()
        except ObjectsError:
            self._next = self._look
            raise

    def _look(self) -> bool:
        if (found := self._objects.head(self._key)) is not None:
            if found != self.told:
                raise ObjectsError(f"{self._key} is there already and is another: {found} instead of {self.told}")
            self._read, self._proof, self._next = 0, hashlib.sha256(), self._prove
        elif self._size <= self._part:
            self._next = self._put
        else:
            self._begin()
            self._next = self._send
        return False

    def _put(self) -> bool:
        body = self._bytes(0)
        self._objects._ask("put_object", Key=self._key, Body=body, ContentMD5=_md5(body), Metadata={"sha256": self.told.sha256})
        self._next = self._look
        return False

    def _begin(self) -> None:
        """Go on with what somebody has begun, or begin."""
        listed = self._objects._ask("list_multipart_uploads", Prefix=self._key) or {}
        begun = [one["UploadId"] for one in listed.get("Uploads", ()) if one["Key"] == self._key]
        if begun:
            self._upload_id, self._etags = begun[-1], self._sent(begun[-1])
        else:
            made = self._objects._ask("create_multipart_upload", Key=self._key, Metadata={"sha256": self.told.sha256})
            self._upload_id, self._etags = str(made["UploadId"]), {}

    def _sent(self, upload_id: str) -> dict[int, str]:
        """Parts that have arrived, as they are here."""
        etags: dict[int, str] = {}
        after = 0
        while True:
            said = self._objects._ask("list_parts", Key=self._key, UploadId=upload_id, PartNumberMarker=after) or {}
            for part in said.get("Parts", ()):
                begin = (part["PartNumber"] - 1) * self._part
                if part["Size"] == min(self._part, self._size - begin):
                    etags[part["PartNumber"]] = part["ETag"]
            if not said.get("IsTruncated"):
                return etags
            after = int(said["NextPartNumberMarker"])

    def _send(self) -> bool:
        count = -(-self._size // self._part)
        number = next((number for number in range(1, count + 1) if number not in self._etags), None)
        if number is not None:
            body = self._bytes((number - 1) * self._part)
            words: dict[str, Any] = {"UploadId": self._upload_id, "PartNumber": number, "Body": body, "ContentMD5": _md5(body)}
            said = self._objects._ask("upload_part", Key=self._key, **words)
            if said is None:
                raise ObjectsError(f"the upload of {self._key} was ended by another")
            self._etags[number] = said["ETag"]
            return False
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]
        self._objects._ask("complete_multipart_upload", Key=self._key, UploadId=self._upload_id, MultipartUpload={"Parts": parts})
        self._next = self._look
        return False

    def _prove(self) -> bool:
        if self._read < self._size:
            body = self._objects.get(self._key, self._read, self._part)
            if not body:
                raise ObjectsError(f"{self._key} ends at byte {self._read} of {self._size}")
            self._proof.update(body)
            self._read += len(body)
            return False
        if self._proof.hexdigest() != self.told.sha256:
            raise ObjectsError(f"{self._key} is not what was sent: its SHA-256 is {self._proof.hexdigest()}")
        return True

    def _bytes(self, begin: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(begin)
            return file.read(self._part)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _region(endpoint: str) -> str:
    """As it stands in the host of most storages: s3.REGION.example.com. Others do not look at it."""
    host = endpoint.partition("://")[2].split(".")
    return host[1] if len(host) > 2 and host[0] == "s3" else "us-east-1"
