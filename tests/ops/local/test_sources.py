"""Host names here are of the reserved kind: the code must find the mirror by its form alone."""

from pathlib import Path

import pytest

from ops.local.sources import Source, archive_keyrings, debian_mirrors, host_sources, parse_deb822, parse_one_line

ONE_LINE = [
    pytest.param("deb http://a.test/debian bookworm main", [Source("http://a.test/debian", "bookworm", ("main",))], id="plain"),
    pytest.param(
        "deb [arch=amd64 signed-by=/k.gpg] https://a.test/debian/ trixie main contrib # note",
        [Source("https://a.test/debian/", "trixie", ("main", "contrib"))],
        id="options and comment",
    ),
    pytest.param("deb [ trusted=yes ] file:/srv/debian sid main", [Source("file:/srv/debian", "sid", ("main",))], id="spaced"),
    pytest.param("# deb http://a.test/debian bookworm main", [], id="commented out"),
    pytest.param("deb-src http://a.test/debian bookworm main", [], id="sources only"),
    pytest.param("deb http://a.test/flat ./", [], id="flat repository"),
    pytest.param("\n\n   \n", [], id="empty"),
]

DEB822 = [
    pytest.param(
        "Types: deb\nURIs: http://a.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n",
        [
            Source("http://a.test/debian", "bookworm", ("main",)),
            Source("http://a.test/debian", "bookworm-updates", ("main",)),
        ],
        id="two suites",
    ),
    pytest.param(
        "Types: deb deb-src\n# a comment\nURIs: http://a.test/debian\n http://b.test/debian\nSuites: trixie\nComponents: main\n",
        [Source("http://a.test/debian", "trixie", ("main",)), Source("http://b.test/debian", "trixie", ("main",))],
        id="continuation line and comment",
    ),
    pytest.param("Enabled: no\nTypes: deb\nURIs: http://a.test/debian\nSuites: trixie\nComponents: main\n", [], id="off"),
    pytest.param("Types: deb-src\nURIs: http://a.test/debian\nSuites: trixie\nComponents: main\n", [], id="sources only"),
    pytest.param(
        "Types: deb\nURIs: http://a.test/x\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN\n .\n mQENBF\n -----END\n",
        [Source("http://a.test/x", "trixie", ("main",))],
        id="key in the file",
    ),
    pytest.param(
        "Types: deb\nURIs: mirror+file:/etc/apt/m.list\nSuites: trixie\nComponents: main",
        [Source("mirror+file:/etc/apt/m.list", "trixie", ("main",))],
        id="mirror list, no last newline",
    ),
    pytest.param("nonsense\n\n: :\n", [], id="nonsense"),
]

MIRRORS = [
    pytest.param([Source("http://a.test/debian/", "bookworm", ("main",))], ["http://a.test/debian"], id="plain"),
    pytest.param([Source("http://a.test/debian-security", "bookworm-security", ("main",))], [], id="security only"),
    pytest.param([Source("http://a.test/ubuntu", "noble", ("main",))], [], id="another system"),
    pytest.param([Source("http://v.test/apt", "bookworm", ("stable",))], [], id="a vendor"),
    pytest.param(
        [Source("http://v.test/apt", "bookworm", ("main",)), Source("http://z.test/debian", "bookworm", ("main",))],
        ["http://z.test/debian", "http://v.test/apt"],
        id="a vendor that names its suite alike ranks behind",
    ),
    pytest.param([Source("cdrom:[Debian 12]/", "bookworm", ("main",))], [], id="a disc"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ONE_LINE)
def test_one_line(text: str, expected: list[Source]) -> None:
    assert list(parse_one_line(text)) == expected


@pytest.mark.parametrize(("text", "expected"), DEB822)
def test_deb822(text: str, expected: list[Source]) -> None:
    assert list(parse_deb822(text)) == expected


@pytest.mark.parametrize(("sources", "expected"), MIRRORS)
def test_mirrors(sources: list[Source], expected: list[str]) -> None:
    assert debian_mirrors(sources) == expected


def test_host_sources_reads_both_forms_and_no_other_file(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.test/debian bookworm main\n")
    (parts / "b.sources").write_text("Types: deb\nURIs: http://b.test/debian\nSuites: trixie\nComponents: main\n")
    (parts / "c.list.disabled").write_text("deb http://c.test/debian bookworm main\n")
    assert [source.uri for source in host_sources(tmp_path)] == ["http://a.test/debian", "http://b.test/debian"]


def test_no_apt_at_all(tmp_path: Path) -> None:
    assert host_sources(tmp_path / "absent") == []


def test_keyrings_common_one_first(tmp_path: Path) -> None:
    for name in (
        "debian-archive-trixie-stable.gpg",
        "debian-archive-keyring.gpg",
        "debian-archive-bookworm-stable.gpg",
    ):
        (tmp_path / name).touch()
    names = [path.name for path in archive_keyrings(tmp_path, release="trixie")]
    assert names == ["debian-archive-keyring.gpg", "debian-archive-trixie-stable.gpg"]
