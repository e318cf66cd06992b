"""docker-compose.yml against celeryconfig.py, the settings and the venues. What Compose makes of it: tests/ops/docker/test_composed.py."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.bin.celery import celery as celery_command

import celeryconfig
from core.settings import SECRETS, documented, read_farm_toml
from db import roles
from db.backups import programs
from ops.cli.running import CONTAINERS
from ops.docker import flower, migrate, secrets
from ops.docker.health import CHECKS
from ops.grafana.layout import GRAFANA
from ops.local.redis import _TEMPLATE as EMBEDDED_REDIS
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = "tapefarm:local"
ONCE = {"secrets", "migrate"}
#: They run the farm's code; the sandbox runs what stands in the place of venues, and `secrets` comes before everything.
APP = {name: service for name, service in SERVICES.items() if service["image"] == IMAGE and name not in ("secrets", "sandbox")}
#: They look at the farm, lead to it or are looked at by it, and are no part of it: the profile that each is in.
BESIDE = {"prometheus": "monitoring", "alertmanager": "monitoring", "grafana": "monitoring", "caddy": "tls", "sandbox": "sandbox"}
LASTING = {name: service for name, service in SERVICES.items() if name not in ONCE}
DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text(encoding="utf-8")

#: Variables that other programs read, and which.
FOREIGN = {CONTAINERS: "ops.cli.running"}
#: What .env may hold and no program is given by its environment.
WITHHELD = {*secrets.MADE, *secrets.GIVEN} - {"CONSOLE_USER"} | {"DATABASE_URL", "REDIS_URL", "BROKER_URL"}
HOST_MIB = 4096


def plain(text: str) -> str:
    """What stands there where .env says nothing."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


# --- the parts ------------------------------------------------------------------------------------------------------------
MARKETS = ("live", "sandbox")


def test_what_is_named_is_defined() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith(".")} <= set(COMPOSE["volumes"])
        assert all((ROOT / name).exists() for name in named if name.startswith("."))
        assert all(
            (ROOT / name.replace("${FARM_MARKETS:-live}", kind)).exists()
            for name in service.get("env_file", [])
            if name != ".env"
            for kind in MARKETS
        )
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(COMPOSE["secrets"])


# --- the roles ------------------------------------------------------------------------------------------------------------
def option(service: dict[str, Any], name: str) -> str:
    command = service["command"]
    return str(command[command.index(name) + 1])


def test_each_queue_has_one_worker() -> None:
    workers = {name: option(service, "-Q") for name, service in APP.items() if "worker" in service["command"]}
    assert workers == {f"worker-{queue.name}": queue.name for queue in celeryconfig.task_queues}


def test_the_writers_have_a_process_for_each_group() -> None:
    assert option(APP["worker-writers"], "-c") == APP["worker-writers"]["environment"]["WRITER_GROUPS"] == "${WRITER_GROUPS:-2}"
    assert {name: default for name, default, _ in documented()}["WRITER_GROUPS"] == "2"


def test_each_venue_to_collect_has_a_streamer_with_a_spool_and_those_on_request_a_profile() -> None:
    streamers = {name: service for name, service in APP.items() if "streamers" in service["command"]}
    wanted = {venue: collect for venue, collect in read_farm_toml(ROOT / "farm.toml").items() if venue in VENUES}
    profiles = {name: service.get("profiles", []) for name, service in streamers.items() if name.removeprefix("streamer-") in VENUES}
    assert profiles == {f"streamer-{venue}": [venue] if collect.on_request else [] for venue, collect in wanted.items()}
    others = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service and name not in streamers}
    assert others == {name: [profile] for name, profile in BESIDE.items()}, "the rest is always wanted"
    for name, service in streamers.items():
        assert service["command"] == ["python", "-m", "streamers", name.removeprefix("streamer-")] or name.endswith("-b")
        assert f"spool:{service['environment']['FARM_HOME']}" in service["volumes"]


def test_each_streamer_has_a_second_replica_on_request_that_differs_in_its_name_alone() -> None:
    streamers = {name: service for name, service in APP.items() if "streamers" in service["command"]}
    firsts = {name for name in streamers if not name.endswith("-b")}
    assert {f"{name}-b" for name in firsts} == set(streamers) - firsts
    for name in firsts:
        first, second, venue = streamers[name], dict(streamers[f"{name}-b"]), name.removeprefix("streamer-")
        assert second.pop("profiles") == [f"{venue}-b"]
        assert second.pop("command") == [*first["command"], "--replica", "b"]
        checked = second.pop("healthcheck")
        assert checked == first["healthcheck"] | {"test": [*first["healthcheck"]["test"], "b"]}
        assert second == {part: said for part, said in first.items() if part in second}


def test_there_is_one_beat_and_one_migration() -> None:
    assert [name for name, service in APP.items() if "beat" in service["command"]] == ["beat"]
    assert [name for name, service in APP.items() if "ops.docker.migrate" in service["command"]] == ["migrate"]
    for name in set(APP) - {"migrate"}:
        assert APP[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name


@pytest.mark.parametrize("name", [name for name, service in APP.items() if service["command"][0] == "celery"])
def test_a_celery_command_has_options_that_celery_knows(name: str) -> None:
    _, _, app, command, *options = APP[name]["command"]
    assert app == "tasks"
    known = {switch for parameter in celery_command.commands[command].params for switch in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in options if word.startswith("-")} <= known


def test_flower_may_be_looked_at_and_not_be_used() -> None:
    assert APP["flower"]["command"] == ["python", "-m", "ops.docker.flower"]
    port = APP["flower"]["ports"][0].rpartition(":")[2]
    assert {"--read_only=True", f"--port={port}"} <= set(flower.OPTIONS)


# --- settings -------------------------------------------------------------------------------------------------------------
def test_every_variable_of_ours_is_a_setting() -> None:
    # Of the streamers that are written down: a service whose venue was deleted does no harm.
    keys = {f"{name.removeprefix('streamer-').removesuffix('-b').upper()}_PRIVATE_KEY_FILE" for name in APP if name.startswith("streamer-")}
    known = {name for name, _, _ in documented()} | set(FOREIGN) | keys | WITHHELD
    files = {f"{name}_FILE" for name in {*SECRETS, *migrate.PASSWORDS.values()}}
    for name, service in APP.items():
        assert set(service["environment"]) <= known | files, name


def test_a_private_key_is_a_secret_of_those_who_sign() -> None:
    for venue in (name for name in COMPOSE["secrets"] if name in VENUES):
        variable = f"{venue.upper()}_PRIVATE_KEY_FILE"
        assert COMPOSE["secrets"][venue] == {"file": f"${{{variable}:-/dev/null}}"}
        signers = {name for name, service in SERVICES.items() if venue in service.get("secrets", [])}
        assert signers == {f"streamer-{venue}", f"streamer-{venue}-b", "worker-metadata", "worker-snapshots", "worker-backfill"}
        assert all(APP[name]["environment"][variable] == f"${{{variable}:+/run/secrets/{venue}}}" for name in signers)


def test_no_password_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in secrets.MADE:
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {":-"}, (
            "given to the service that keeps them, which makes what is missing"
        )
    assert set(SERVICES["secrets"]["environment"]) == {*secrets.MADE, *secrets.GIVEN}


def test_each_container_may_read_the_secrets_that_it_names_and_no_other() -> None:
    numbers = {str(gid): group for group, gid in secrets.GROUPS.items()}
    for name, service in SERVICES.items():
        groups = {numbers[gid] for gid in service.get("group_add", [])}
        if name == "secrets":
            assert groups == set(secrets.GROUPS), "who hands a file to a group has to be in it"
            continue
        told = json.dumps([service.get(part) for part in ("environment", "command", "entrypoint", "healthcheck")])
        if name in ("prometheus", "alertmanager"):
            told += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ops/prometheus").glob(f"{CONFIGURATIONS[name]}*.yml"))
        files = set(re.findall(r"/run/tapefarm/([\w.]+\w)", told))
        assert {secrets.FILES[file] for file in files} == groups, name
        assert ("secrets:/run/tapefarm:ro" in service.get("volumes", [])) == bool(groups), name


CONFIGURATIONS = {"prometheus": "stack", "alertmanager": "alertmanager"}


def test_everything_that_reads_a_secret_comes_after_them() -> None:
    def behind(name: str) -> set[str]:
        direct = set(SERVICES[name].get("depends_on", {}))
        return direct.union(*(behind(other) for other in direct))

    for name, service in SERVICES.items():
        if service.get("group_add") and name != "secrets":
            assert "secrets" in behind(name), name
            assert (
                name in APP
                or "timescaledb" in service["depends_on"]
                or service["depends_on"]["secrets"] == {"condition": "service_completed_successfully"}
            )


def test_grafana_lets_nobody_in_without_a_password_and_reads_by_a_role_that_changes_nothing() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/tapefarm/grafana_password"
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    provisioned = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ops" / "grafana" / "provisioning").glob("*/*.yml"))
    set_at_the_door = set(re.findall(r"([A-Z_]+)=", SERVICES["grafana"]["entrypoint"][-1]))
    assert set(re.findall(r"\$([A-Z_]+)", provisioned)) == {name for name in grafana if not name.startswith("GF_")} | set_at_the_door
    assert grafana["FARM_DATABASE_USER"] == roles.CONSOLE
    assert set_at_the_door == {"POSTGRES_CONSOLE_PASSWORD"}
    assert all(volume.endswith(":ro") for volume in SERVICES["grafana"]["volumes"] if volume.startswith("."))
    assert SERVICES["grafana"]["image"] == f"grafana/grafana:{GRAFANA}", "panels are written for it"


def test_what_is_put_into_a_read_only_container_is_a_file() -> None:
    """Compose cannot write a config's text into one: it has to be mounted."""
    assert "configs" not in COMPOSE
    assert all("file" in secret for secret in COMPOSE["secrets"].values())


def test_only_the_migration_knows_the_owner_and_the_roles() -> None:
    assert APP["migrate"]["environment"]["DATABASE_OWNER_URL_FILE"] == "/run/tapefarm/database_owner_url"
    for name, service in APP.items():
        environment = service["environment"]
        assert environment["DATABASE_URL_FILE"].endswith("_console_url" if name == "console" else "/database_url")
        assert {variable for variable in WITHHELD if environment[variable] != ""} == set(), "the whole of .env comes along"
        passwords = {variable for variable in environment if variable.endswith("PASSWORD_FILE")}
        wanted = {"migrate": set(migrate.PASSWORDS.values()), "console": {"CONSOLE_PASSWORD"}, "flower": {"FLOWER_PASSWORD"}}.get(
            name, set()
        )
        assert passwords == {f"{variable}_FILE" for variable in wanted}
        assert name == "migrate" or "DATABASE_OWNER_URL_FILE" not in environment


@pytest.mark.parametrize("name", ["console", "watcher"])
def test_who_watches_knows_every_container_that_lasts(name: str) -> None:
    streamers = {name for name in SERVICES if name.startswith("streamer-")}
    assert set(APP[name]["environment"][CONTAINERS].split(",")) == set(LASTING) - streamers - set(BESIDE)


def test_the_console_changes_nothing() -> None:
    console = APP["console"]
    assert all(volume.endswith(":ro") for volume in console["volumes"])
    watched = f"watcher:{console['environment']['FARM_HOME']}"
    assert f"{watched}:ro" in console["volumes"] and watched in APP["watcher"]["volumes"], "what fires is told by its file"


def test_who_makes_backups_reads_all_there_and_is_somebody_only_where_they_are_tried() -> None:
    assert {name for name, service in APP.items() if "DATABASE_BACKUP_URL_FILE" in service["environment"]} == {"worker-maintenance"}
    worker = APP["worker-maintenance"]
    assert f"data:{worker['environment']['FARM_HOME']}/data" in worker["volumes"], "backups outlive their container"
    assert SERVICES["drill"]["image"] == SERVICES["timescaledb"]["image"], "what one has dumped the other restores"
    assert SERVICES["timescaledb"]["image"].endswith(f"-pg{programs.MAJOR}") and f"postgresql-client-{programs.MAJOR} " in DOCKERFILE


def test_redis_promises_what_the_embedded_one_promises() -> None:
    for name, value in (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")):
        assert option(SERVICES["redis"], f"--{name}") == value
        assert f"{name} {value}" in EMBEDDED_REDIS


def test_journal_and_broker_have_memory_of_their_own_and_forget_nothing_in_silence() -> None:
    for name in ("redis", "broker"):
        assert option(SERVICES[name], "--maxmemory-policy") == "noeviction"
        # A fork that rewrites the log copies what is written meanwhile.
        assert 1.3 * _mebibytes(plain(option(SERVICES[name], "--maxmemory"))) < memory(SERVICES[name])
    assert option(SERVICES["broker"], "--appendonly") == "no" and not [v for v in SERVICES["broker"]["volumes"] if v.startswith("redis")]


# --- how they run ---------------------------------------------------------------------------------------------------------
def limit(service: dict[str, Any], name: str) -> Any:
    return service["deploy"]["resources"]["limits"][name]


def memory(service: dict[str, Any]) -> int:
    """MiB that it may have, where .env says nothing."""
    return _mebibytes(plain(limit(service, "memory")))


def _mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "g" else 1)


def seconds(text: str) -> int:
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_nothing_runs_as_root_or_may_become_it(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"] and service["read_only"] is True
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if service is SERVICES["caddy"] else [])


@pytest.mark.parametrize("service", LASTING.values(), ids=LASTING)
def test_what_lasts_is_started_again_and_watched(service: dict[str, Any]) -> None:
    assert service["restart"] == "unless-stopped"
    health = service["healthcheck"]
    assert seconds(health["timeout"]) < seconds(health["interval"]) and health["retries"] >= 2 and health["start_period"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_logs_are_bounded(service: dict[str, Any]) -> None:
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_health_is_asked_in_words_that_exist() -> None:
    for name, service in APP.items():
        test = service["healthcheck"].get("test")
        if name == "migrate":
            assert service["healthcheck"] == {"disable": True}
            continue
        assert test[:4] == ["CMD", "python", "-m", "ops.docker.health"] and test[4] in CHECKS, name
        if name.startswith(("worker-", "streamer-")):
            assert test[5] == name.removesuffix("-b").partition("-")[2]


def test_there_is_time_to_stop() -> None:
    for name, service in APP.items():
        assert seconds(service["stop_grace_period"]) > celeryconfig.worker_soft_shutdown_timeout + 20, name


def test_a_full_set_of_writers_fits_into_its_limit() -> None:
    (child,) = (word.partition("=")[2] for word in APP["worker-writers"]["command"] if word.startswith("--max-memory-per-child="))
    children = 2 * int(plain(child)) / 1024
    assert memory(SERVICES["worker-writers"]) > children + 120, "who keeps them has some 60 MiB of its own"
    assert int(plain(child)) < celeryconfig.worker_max_memory_per_child


def test_a_host_of_four_gigabytes_has_room_for_all_that_is_not_on_request() -> None:
    wanted = {name: memory(service) for name, service in LASTING.items() if "profiles" not in service}
    assert sum(wanted.values()) <= HOST_MIB, wanted
    assert all(memory(SERVICES[name]) <= 256 for name in ONCE), "the others wait until they have ended"


def test_the_database_takes_a_quarter_of_its_memory_for_itself() -> None:
    (buffers,) = (word.partition("=")[2] for word in SERVICES["timescaledb"]["command"] if word.startswith("-cshared_buffers="))
    assert _mebibytes(plain(buffers)) == memory(SERVICES["timescaledb"]) // 4


def test_ports_are_for_this_machine_only_unless_it_is_the_one_that_speaks_tls() -> None:
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])) or name == "caddy"


# --- images ---------------------------------------------------------------------------------------------------------------
def test_images_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()} - {IMAGE} | set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert len(images) == 7
    for image in images:
        assert re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image), f"{image}: name the patch version"


def test_the_image_runs_without_root_or_shell() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == APP["beat"]["user"]
    for line in re.findall(r"^(?:CMD|ENTRYPOINT) (.*)", DOCKERFILE, re.MULTILINE):
        assert yaml.safe_load(line) == shlex.split(" ".join(yaml.safe_load(line))), "exec form: signals reach the program"


def test_the_image_holds_what_docker_is_shown() -> None:
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_holds_what_its_programs_import() -> None:
    """tests/ops/docker/test_image.py builds it and looks; this says so at once, and everywhere."""
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    parts = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - copied
    for folder in copied:
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
                assert name not in parts, f"{path.relative_to(ROOT)} imports {name}, which is not in the image"


def test_the_image_is_the_python_that_is_tested() -> None:
    versions = set(re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE))
    assert versions == {"3.11"} and 'python_version = "3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
