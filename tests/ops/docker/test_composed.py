"""docker-compose.yml as Compose itself reads it, by the program of Debian's package; no Docker engine is needed."""

import json
import subprocess
from pathlib import Path
from typing import Any

from core.settings import ROOT, load
from ops.docker import secrets
from tests.debian_programs import debian_program
from tests.test_compose import SERVICES, option


def composed(folder: Path, dotenv: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """What Compose makes of a checkout whose .env is this."""
    for name in ("docker-compose.yml", "ops"):
        place = folder / name
        if not place.exists():
            place.symlink_to(ROOT / name)
    (folder / ".env").write_text(dotenv, encoding="utf-8")
    argv = [debian_program("docker-compose"), "--project-directory", folder, *options, "config", "--format", "json"]
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(argv, cwd=folder, env=bare, capture_output=True, text=True, timeout=120, check=False)


def resolved(folder: Path, dotenv: str, *options: str) -> dict[str, Any]:
    done = composed(folder, dotenv, *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a warning: a variable without a value, or a key that Compose does not know"
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_a_copy_of_the_example_starts_everything_that_is_not_on_request(tmp_path: Path) -> None:
    started = resolved(tmp_path, (ROOT / ".env.example").read_text(encoding="utf-8"))
    assert set(started) == {name for name, service in SERVICES.items() if "profiles" not in service}


def test_compose_takes_every_profile(tmp_path: Path) -> None:
    started = resolved(tmp_path, "ALERTMANAGER_WEBHOOK_URL=http://somewhere/\nWRITER_GROUPS=3\n", "--profile", "*")
    assert set(started) == set(SERVICES)
    assert "--config.file=/etc/alertmanager/alertmanager-webhook.yml" in started["alertmanager"]["command"]
    assert (started["worker-writers"]["environment"]["WRITER_GROUPS"], option(started["worker-writers"], "-c")) == ("3", "3")


def test_compose_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "ops").symlink_to(ROOT / "ops")
    (tmp_path / "docker-compose.yml").write_text((ROOT / "docker-compose.yml").read_text().replace("read_only:", "readonly:"))
    done = composed(tmp_path, "")
    assert done.returncode != 0 and "readonly" in done.stderr


def test_one_word_leads_to_the_simulated_venues_and_back(tmp_path: Path) -> None:
    mine = "BINANCE_WS_URL=wss://mine\n"
    sandboxed = resolved(tmp_path, mine + "COMPOSE_PROFILES=sandbox\nFARM_MARKETS=sandbox\n")
    server = sandboxed["sandbox"]["command"]
    for name in ("streamer-binance", "worker-metadata", "worker-snapshots", "worker-backfill"):
        endpoints = load({key: value for key, value in sandboxed[name]["environment"].items() if key.endswith("_URL")})
        for venue in option({"command": server}, "--venues").split(","):
            there = f"sandbox:{option({'command': server}, '--port')}/{venue}"
            assert (endpoints.ws_url(venue, ""), endpoints.rest_url(venue, "")) == (f"ws://{there}", f"http://{there}")
    live = resolved(tmp_path, mine)
    assert "sandbox" not in live
    assert live["streamer-binance"]["environment"]["BINANCE_WS_URL"] == "wss://mine"
    assert "BINANCE_REST_URL" not in live["streamer-binance"]["environment"]


def test_no_password_of_env_reaches_any_container_but_the_one_that_keeps_them(tmp_path: Path) -> None:
    given = {name: f"hidden-{number}" for number, name in enumerate(sorted({*secrets.MADE, *secrets.GIVEN}))}
    dotenv = "".join(f"{name}={value}\n" for name, value in given.items())
    started = resolved(tmp_path, dotenv, "--profile", "*")
    assert {name: started["secrets"]["environment"][name] for name in given} == given
    for name in set(started) - {"secrets"}:
        told = json.dumps(started[name]).replace(given["CONSOLE_USER"], "")
        assert "hidden-" not in told, name
