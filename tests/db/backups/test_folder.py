"""The folder of backups: what is one, what is swept, what is kept, what is handed over."""

import os
from pathlib import Path

import pytest

from db.backups import BackupError, folder, record
from db.backups.folder import Draft
from db.backups.record import Digest, Origin, Record

ORIGIN = Origin("17.5", "2.19.3", "apache", "0011", ("tapefarm",))
HOUR = 3600.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def written(place: Path, kind: str, taken: float, data: bytes = b"PGDMP") -> Path:
    draft = Draft(place / folder.name_of(kind, taken, sealed=False))
    draft.write(data)
    file = place / folder.name_of(kind, taken, sealed=False)
    known = Record(file.name, kind, taken, taken + 1, draft.bytes, draft.sha256, (), ORIGIN, {}, {"public.t": Digest(1, "7")})
    draft.keep(record.dumped(known))
    draft.discard()
    return file


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_a_record_reads_back_as_it_was(place: Path) -> None:
    file = written(place, "daily", HOUR)
    (backup,) = folder.backups(place)
    assert backup.file == file and backup.record == record.read(file)
    assert backup.record.tables == {"public.t": Digest(1, "7")} and backup.record.origin == ORIGIN


def test_two_backups_of_one_second_have_names_of_their_own() -> None:
    first, second = (folder.name_of("daily", 1_795_384_000 + part, sealed=False) for part in (0.25, 0.75))
    assert (first, second) == ("daily-20261122T214640.250Z.dump", "daily-20261122T214640.750Z.dump")


def test_a_file_without_record_a_record_without_file_and_a_short_file_are_no_backups(place: Path) -> None:
    record.beside(written(place, "daily", 1 * HOUR)).unlink()
    written(place, "daily", 2 * HOUR).unlink()
    written(place, "daily", 3 * HOUR).write_bytes(b"PG")
    whole = written(place, "daily", 4 * HOUR)
    assert [backup.file for backup in folder.backups(place)] == [whole]


def test_what_was_killed_before_its_file_had_a_name_is_removed(place: Path) -> None:
    for name in ("daily-19700101T010000.000Z.dump.part", "daily-19700101T010000.000Z.dump.json.part"):
        (place / name).write_text("{")
    folder.sweep(place)
    assert names(place) == set()


def test_what_was_killed_between_its_two_names_is_finished(place: Path) -> None:
    file = written(place, "daily", HOUR)
    record.beside(file).rename(place / f"{file.name}.json.part")
    assert folder.backups(place) == []
    folder.sweep(place)
    assert [backup.file for backup in folder.backups(place)] == [file]


def test_a_removal_that_was_killed_is_finished_and_what_is_not_ours_stays(place: Path) -> None:
    written(place, "hourly", HOUR).unlink()
    (place / "notes.json").write_text("{}")
    (place / "daily-19700101T010000.000Z.dump").write_bytes(b"its record was lost")
    folder.sweep(place)
    assert names(place) == {"notes.json", "daily-19700101T010000.000Z.dump"}


def test_so_many_of_each_kind_are_kept_and_what_is_no_backup_counts_for_none(place: Path) -> None:
    hours = [written(place, "hourly", n * HOUR) for n in range(1, 6)]
    day = written(place, "daily", HOUR)
    hours[4].write_bytes(b"torn")
    assert folder.retain(place, {"hourly": 2, "daily": 7}) == [hours[1].name, hours[0].name]
    assert {backup.file for backup in folder.backups(place)} == {hours[2], hours[3], day}
    assert hours[4].exists()


def test_what_could_not_be_handed_over_is_handed_over_the_next_time(place: Path) -> None:
    first, second = written(place, "daily", HOUR), written(place, "daily", 2 * HOUR)
    sent: list[tuple[Path, str]] = []

    def upload(path: Path, key: str) -> None:
        if path == record.beside(second) and len(sent) < 4:
            raise OSError("no reach")
        sent.append((path, key))

    with pytest.raises(OSError, match="no reach"):
        folder.send(place, upload)
    assert [path for path, _ in sent] == [first, record.beside(first), second]
    sent += [sent[0]]
    folder.send(place, upload)
    assert [path for path, _ in sent[4:]] == [second, record.beside(second)]
    assert sent[-1][1] == f"{place.name}/{second.name}.json"
    folder.send(place, upload)
    assert len(sent) == 6
    folder.retain(place, {"daily": 0})
    assert names(place) == set()


def test_two_do_not_make_one_at_a_time(place: Path) -> None:
    with folder.alone(place, "backup"):
        assert folder.busy(place, "backup") and not folder.busy(place, "drill")
        with pytest.raises(BackupError, match="Another backup is being made"), folder.alone(place, "backup"):
            raise AssertionError
    assert not folder.busy(place, "backup")


def test_a_nearly_full_disk_is_left_to_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_ROOM_SHARE", 2.0)
    monkeypatch.setattr(folder, "_ROOM_BYTES", 2**80)
    draft = Draft(place / "daily-19700101T010000.000Z.dump")
    with pytest.raises(BackupError, match="nearly full"):
        draft.write(b"x")
    draft.discard()
    assert names(place) == set() and isinstance(draft.failure, BackupError)


def test_files_are_for_their_owner_alone_whatever_the_mask(place: Path) -> None:
    old = os.umask(0)
    try:
        written(place / ".." / place.name, "daily", HOUR)
        with folder.alone(place / "new", "backup"):
            pass
    finally:
        os.umask(old)
    assert {oct(path.stat().st_mode & 0o777) for path in place.glob("daily*")} == {"0o600"}
    assert (place / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "\x00"])
def test_a_record_that_cannot_be_read_says_so(place: Path, text: str) -> None:
    file = place / "daily-19700101T010000.000Z.dump"
    record.beside(file).write_text(text)
    with pytest.raises(BackupError, match="cannot be read"):
        record.read(file)
