"""core.settings: a value that cannot be used is a sentence about what would do."""

from pathlib import Path

import pytest

from core.settings import Collect, Settings, SettingsError, documented, load, read_farm_toml


def test_nothing_set_is_every_default() -> None:
    assert load({}) == load({name: default for name, default, _ in documented()})
    assert load({}) == load({name: "" for name, _, _ in documented()}), "an empty variable is one not set"


def test_a_set_variable_is_used_in_its_type() -> None:
    found = load({"LINGER_MS": "2.5", "WRITER_GROUPS": "3", "LOG_LEVEL": "DEBUG"})
    assert (found.linger_ms, found.writer_groups, found.log_level) == (2.5, 3, "DEBUG")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("WRITER_GROUPS", "two", "WRITER_GROUPS='two' cannot be used: give a whole number"),
        ("WRITER_GROUPS", "2.5", "WRITER_GROUPS='2.5' cannot be used: give a whole number"),
        ("WRITER_GROUPS", "0", "WRITER_GROUPS=0 cannot be used: give a number above 0"),
        ("LINGER_MS", "8ms", "LINGER_MS='8ms' cannot be used: give a number"),
        ("LINGER_MS", "-1", "LINGER_MS=-1.0 cannot be used: give a number above 0"),
        ("LINGER_MS", "nan", "LINGER_MS=nan cannot be used: give a number above 0"),
        ("BATCH_MAX_BYTES", "-5", "BATCH_MAX_BYTES=-5 cannot be used: give a number above 0"),
        ("BACKFILL_SHARE", "0", "BACKFILL_SHARE=0.0 cannot be used: give a number above 0, at most 1"),
        ("ALERT_TEST_CRON", "at nine", "ALERT_TEST_CRON='at nine' cannot be used: give five fields of a crontab, or off"),
        ("ALERT_QUIET", "22-7", "ALERT_QUIET='22-7' cannot be used: give two times of a day in UTC, such as 22:00-07:00"),
        ("REPLICAS", "a,,a", "REPLICAS='a,,a' cannot be used: give names of lower-case letters and digits, each once"),
        ("REPLICAS", ",", "REPLICAS=',' cannot be used: give names of lower-case letters and digits, each once"),
        ("REPLICAS", "a:b", "REPLICAS='a:b' cannot be used: give names of lower-case letters and digits, each once"),
        ("REPLICAS_HERE", "b", "REPLICAS_HERE='b' cannot be used: give names of REPLICAS=a"),
        ("STREAMER_CLIENT", "curl", "STREAMER_CLIENT='curl' cannot be used: give picows or websockets"),
    ],
)
def test_a_bad_value_is_named_with_what_would_do(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value})
    assert str(caught.value) == sentence


def test_all_replicas_are_started_here_where_nothing_else_is_said() -> None:
    assert (load({}).replica_names, load({}).replica_names_here) == (("a",), ("a",))
    both = load({"REPLICAS": "a, b"})
    assert (both.replica_names, both.replica_names_here) == (("a", "b"), ("a", "b"))
    assert load({"REPLICAS": "a,b", "REPLICAS_HERE": "b"}).replica_names_here == ("b",)


def test_endpoints_are_per_venue() -> None:
    found = load({"SOMEWHERE_WS_URL": "ws://127.0.0.1:1/", "SOMEWHERE_REST_URL": ""})
    assert found.ws_url("somewhere", "wss://real") == "ws://127.0.0.1:1"
    assert found.rest_url("somewhere", "https://real") == "https://real"


def test_a_server_in_the_place_of_a_venue_brings_its_own_archive_or_none() -> None:
    assert load({}).archive_url("somewhere", "https://real") == "https://real"
    assert load({"SOMEWHERE_REST_URL": "http://127.0.0.1:1"}).archive_url("somewhere", "https://real") == ""
    assert load({"SOMEWHERE_ARCHIVE_URL": "http://127.0.0.1:2"}).archive_url("somewhere", "https://real") == "http://127.0.0.1:2"


def test_celery_uses_the_same_redis_unless_told() -> None:
    assert Settings(redis_url="redis://a").celery_broker_url == "redis://a"
    assert Settings(redis_url="redis://a", broker_url="redis://b").celery_broker_url == "redis://b"


# --- farm.toml ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def farm_toml(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str) -> Path:
        path = tmp_path / "farm.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_what_to_collect(farm_toml) -> None:  # type: ignore[no-untyped-def]
    text = '[venues.a]\nchannels = ["trade"]\nsymbols = ["X", "币安", "X"]\n[venues.b]\ntop = 7\n[venues.c]\nenabled = false\n'
    assert read_farm_toml(farm_toml(text)) == {"a": Collect(("trade",), ("X", "币安"), 200), "b": Collect(None, (), 7)}
    assert read_farm_toml(farm_toml("")) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[venues.a]\nsymbls = ['X']",
            r"venues\.a=\['symbls'\] cannot be used: give only enabled, on_request, channels, symbols, top and universe",
        ),
        ("[venue.a]\n", r"=\['venue'\] cannot be used: give only \[venues\.NAME\] and \[storage\.TABLE\] tables"),
        ("[venues.a]\nsymbols = 'BTCUSDT'", r"venues\.a\.symbols='BTCUSDT' cannot be used: give a list of names"),
        ("[venues.a]\nchannels = [1]", r"venues\.a\.channels=\[1\] cannot be used: give a list of names"),
        ("[venues.a]\nsymbols = ['']", r"give a list of names"),
        ("[venues.a]\ntop = 0", r"venues\.a\.top=0 cannot be used: give a whole number from 1 to 2000"),
        ("[venues.a]\ntop = true", r"top=True cannot be used"),
        ("[venues.a]\ntop = '200'", r"top='200' cannot be used"),
        ("[venues.a\n", r"farm\.toml cannot be read: "),
        ("[venues.a]\nenabled = 'no'", r"venues\.a\.enabled='no' cannot be used: give true or false"),
        ("[venues.a]\non_request = 1", r"venues\.a\.on_request=1 cannot be used: give true or false"),
        ("venues = 3", r"venues=3 cannot be used"),
        ("[venues]\na = 3", r"venues\.a=3 cannot be used"),
    ],
)
def test_a_bad_line_is_named_with_what_would_do(farm_toml, text: str, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match=says):
        read_farm_toml(farm_toml(text))


def test_a_missing_farm_toml_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is missing: it lists what to collect"):
        read_farm_toml(tmp_path / "farm.toml")


def test_a_file_that_is_not_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "farm.toml").write_bytes(b"\xff\xfe[venues]")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_farm_toml(tmp_path / "farm.toml")


@pytest.mark.parametrize("written", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg2://u@h/d"])
def test_a_database_url_as_others_write_it_names_our_driver(written: str) -> None:
    assert load({"DATABASE_URL": written}).database_url == "postgresql+psycopg2://u@h/d"


def test_who_is_told_is_not_in_the_words_for_the_settings() -> None:
    knobs = load({"ALERT_URLS": "mailto://a:secret@h"})
    assert knobs.alert_urls == "mailto://a:secret@h" and "secret" not in repr(knobs)


def test_farm_venues_leaves_out_the_others() -> None:
    assert list(load({"FARM_VENUES": "nowhere"}).collect) == []
    assert list(load({"FARM_VENUES": "binance, nowhere"}).collect) == ["binance"]


def test_a_venue_on_request_is_collected_where_it_is_named(farm_toml) -> None:  # type: ignore[no-untyped-def]
    path = str(farm_toml("[venues.a]\n[venues.b]\non_request = true\n[venues.c]\non_request = true\nenabled = false\n"))
    assert list(load({"FARM_TOML": path}).collect) == ["a"]
    assert list(load({"FARM_TOML": path, "FARM_VENUES": "b,c"}).collect) == ["b"]
