"""docker-compose.yml against its format, celeryconfig.py, the settings and the venues; no Docker engine is needed."""

import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from celery.bin.celery import celery as celery_command

import celeryconfig
from core.settings import documented, read_farm_toml
from db import roles
from db.backups import programs
from ops.docker import migrate
from ops.docker.health import CHECKS
from ops.grafana.layout import GRAFANA
from ops.local.redis import _TEMPLATE as EMBEDDED_REDIS
from ops.report.components import CONTAINERS
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APP = {name: service for name, service in SERVICES.items() if service["image"] == "tapefarm:local"}
#: They look at the farm and are no part of it.
MONITORING = {"prometheus", "grafana"}
LASTING = {name: service for name, service in SERVICES.items() if name != "migrate"}
DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text(encoding="utf-8")

#: Variables that other programs read, and which.
FOREIGN = {"FLOWER_BASIC_AUTH": "flower", CONTAINERS: "ops.report.components"}

#: Passwords that stand in .env and that a program sees only where it needs them.
PASSWORDS = {*migrate.PASSWORDS.values(), "POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD", "CONSOLE_PASSWORD"}

# --- the format -----------------------------------------------------------------------------------------------------------
TEXT, WORDS = {"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}
DURATION = {"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+s)?$"}
BYTES = {"type": "string", "pattern": r"^\d+[bkmg]$"}


def _only(needed: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": needed or [], "additionalProperties": False}


def _map(value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value}


SERVICE = _only(
    ["image", "restart", "user", "healthcheck", "deploy", "logging"],
    image=TEXT,
    profiles=WORDS,
    build=_only(["context", "dockerfile"], context=TEXT, dockerfile=TEXT),
    command=WORDS,
    user=TEXT,
    init={"type": "boolean"},
    read_only={"type": "boolean"},
    restart={"enum": ["no", "always", "on-failure", "unless-stopped"]},
    environment=_map(TEXT),
    env_file={"type": "array", "items": _only(["path"], path=TEXT, required={"type": "boolean"})},
    ports=WORDS,
    volumes=WORDS,
    secrets=WORDS,
    configs={"type": "array", "items": _only(["source", "target"], source=TEXT, target=TEXT)},
    tmpfs=WORDS,
    shm_size=BYTES,
    security_opt=WORDS,
    cap_drop=WORDS,
    stop_grace_period=DURATION,
    depends_on=_map(_only(["condition"], condition={"enum": ["service_started", "service_healthy", "service_completed_successfully"]})),
    healthcheck=_only(
        disable={"type": "boolean"}, test=WORDS, interval=DURATION, timeout=DURATION, retries={"type": "integer"}, start_period=DURATION
    ),
    deploy=_only(
        ["resources"],
        resources=_only(
            ["limits"],
            limits=_only(
                ["cpus", "memory", "pids"], cpus={"type": "string", "pattern": r"^\d+\.\d+$"}, memory=BYTES, pids={"type": "integer"}
            ),
        ),
    ),
    logging=_only(["driver", "options"], driver=TEXT, options=_map(TEXT)),
)
FORMAT = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "services": _map(SERVICE),
        "volumes": _map({"type": "object"}),
        "secrets": _map(_only(["file"], file=TEXT)),
        "configs": _map(_only(["content"], content=TEXT)),
    },
    "patternProperties": {"^x-": {}},
    "required": ["name", "services", "volumes"],
    "additionalProperties": False,
}


def test_it_keeps_to_the_format() -> None:
    jsonschema.validate(COMPOSE, FORMAT)


def test_what_is_named_is_defined() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith(".")} <= set(COMPOSE["volumes"])
        assert all((ROOT / name).exists() for name in named if name.startswith("."))
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
    assert others == {name: ["monitoring"] for name in MONITORING}, "the rest is always wanted"
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
    given = {word.partition("=")[0] for word in options if word.startswith("-")}
    if command == "flower":  # it has its own parser
        known |= {f"--{word}" for word in ("address", "port", "read_only", "max_tasks", "logging")}
    assert given <= known


# --- settings -------------------------------------------------------------------------------------------------------------
def test_every_variable_of_ours_is_a_setting() -> None:
    # Of the streamers that are written down: a service whose venue was deleted does no harm.
    keys = {f"{name.removeprefix('streamer-').removesuffix('-b').upper()}_PRIVATE_KEY_FILE" for name in APP if name.startswith("streamer-")}
    known = {name for name, _, _ in documented()} | set(FOREIGN) | keys | PASSWORDS
    for name, service in APP.items():
        assert set(service["environment"]) <= known, name


def test_a_private_key_is_a_secret_of_those_who_sign() -> None:
    for venue in (name for name in COMPOSE["secrets"] if name in VENUES):
        variable = f"{venue.upper()}_PRIVATE_KEY_FILE"
        assert COMPOSE["secrets"][venue] == {"file": f"${{{variable}:-/dev/null}}"}
        signers = {name for name, service in SERVICES.items() if venue in service.get("secrets", [])}
        assert signers == {f"streamer-{venue}", f"streamer-{venue}-b", "worker-metadata", "worker-snapshots", "worker-backfill"}
        assert all(APP[name]["environment"][variable] == f"${{{variable}:+/run/secrets/{venue}}}" for name in signers)


def test_no_password_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    wanted = {f"POSTGRES_{role}PASSWORD" for role in ("", "WRITER_", "CONSOLE_", "BACKUP_")}
    for name in wanted | {"REDIS_PASSWORD", "FLOWER_PASSWORD", "CONSOLE_PASSWORD"}:
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {f":?set {name} in .env"}, "an unset password must stop the start"


def test_grafana_lets_nobody_in_without_a_password_and_reads_by_a_role_that_changes_nothing() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-${FLOWER_PASSWORD:?set FLOWER_PASSWORD in .env}}"
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    provisioned = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ops" / "grafana" / "provisioning").glob("*/*.yml"))
    assert set(re.findall(r"\$([A-Z_]+)", provisioned)) == {name for name in grafana if not name.startswith("GF_")}
    assert grafana["FARM_DATABASE_USER"] == roles.CONSOLE
    assert {name for name in grafana if "PASSWORD" in name} == {"GF_SECURITY_ADMIN_PASSWORD", "POSTGRES_CONSOLE_PASSWORD"}
    assert all(volume.endswith(":ro") for volume in SERVICES["grafana"]["volumes"] if volume.startswith("."))
    assert SERVICES["grafana"]["image"] == f"grafana/grafana:{GRAFANA}", "panels are written for it"


def test_prometheus_asks_the_console_as_it_does_elsewhere() -> None:
    inside = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])
    outside = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = inside["scrape_configs"]
    assert job.pop("basic_auth")["password"] == "${CONSOLE_PASSWORD:?set CONSOLE_PASSWORD in .env}"
    assert job["static_configs"] == [{"targets": ["console:8000"]}]
    job["static_configs"] = outside["scrape_configs"][0]["static_configs"]
    assert inside == outside
    assert SERVICES["prometheus"]["configs"] == [{"source": "prometheus", "target": "/etc/prometheus/prometheus.yml"}]


def test_only_the_migration_knows_the_owner_and_the_roles() -> None:
    assert f":{'${POSTGRES_PASSWORD'}" in APP["migrate"]["environment"]["DATABASE_OWNER_URL"]
    for name, service in APP.items():
        environment = service["environment"]
        role = "console" if name == "console" else "writer"
        assert environment["DATABASE_URL"].startswith(f"postgresql+psycopg2://tapefarm_{role}:${{POSTGRES_{role.upper()}_PASSWORD")
        wanted = {"migrate": set(migrate.PASSWORDS.values()), "console": {"CONSOLE_PASSWORD"}}.get(name, set())
        assert {password for password in PASSWORDS if environment[password]} == wanted, "the whole of .env comes along"
        assert name == "migrate" or "DATABASE_OWNER_URL" not in environment


def test_the_console_knows_every_container_that_lasts_and_changes_nothing() -> None:
    console = APP["console"]
    streamers = {name for name in SERVICES if name.startswith("streamer-")}
    assert set(console["environment"][CONTAINERS].split(",")) == set(LASTING) - streamers - MONITORING - {"console"}
    assert all(volume.endswith(":ro") for volume in console["volumes"])
    watched = f"watcher:{console['environment']['FARM_HOME']}"
    assert f"{watched}:ro" in console["volumes"] and watched in APP["watcher"]["volumes"], "what fires is told by its file"


def test_who_makes_backups_reads_all_there_and_is_somebody_only_where_they_are_tried() -> None:
    assert {name for name, service in APP.items() if "tapefarm_backup" in str(service["environment"])} == {"worker-maintenance"}
    worker = APP["worker-maintenance"]
    assert "tapefarm_backup:${POSTGRES_BACKUP_PASSWORD" in worker["environment"]["DATABASE_BACKUP_URL"]
    assert "@drill:5432/" in worker["environment"]["DATABASE_DRILL_URL"]
    assert f"data:{worker['environment']['FARM_HOME']}/data" in worker["volumes"], "backups outlive their container"
    assert SERVICES["drill"]["image"] == SERVICES["timescaledb"]["image"], "what one has dumped the other restores"
    assert SERVICES["timescaledb"]["image"].endswith(f"-pg{programs.MAJOR}") and f"postgresql-client-{programs.MAJOR} " in DOCKERFILE


def test_redis_promises_what_the_embedded_one_promises() -> None:
    command = SERVICES["redis"]["command"]
    for name, value in (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")):
        assert option(SERVICES["redis"], f"--{name}") == value
        assert f"{name} {value}" in EMBEDDED_REDIS
    assert _mebibytes(command[command.index("--maxmemory") + 1]) < _mebibytes(limit(SERVICES["redis"], "memory"))


# --- how they run ---------------------------------------------------------------------------------------------------------
def limit(service: dict[str, Any], name: str) -> Any:
    return service["deploy"]["resources"]["limits"][name]


def _mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "g" else 1)


def seconds(text: str) -> int:
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_nothing_runs_as_root_or_may_become_it(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"] and service["read_only"] is True


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
    children = 2 * celeryconfig.worker_max_memory_per_child / 1024
    assert _mebibytes(limit(SERVICES["worker-writers"], "memory")) > children + 200


def test_ports_are_for_this_machine_only() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


# --- images ---------------------------------------------------------------------------------------------------------------
def test_images_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()} - {"tapefarm:local"} | set(
        re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    )
    assert len(images) == 5
    for image in images:
        assert re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image), f"{image}: name the patch version"


def test_the_image_runs_without_root_or_shell() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == APP["beat"]["user"]
    for line in re.findall(r"^(?:CMD|ENTRYPOINT) (.*)", DOCKERFILE, re.MULTILINE):
        assert yaml.safe_load(line) == shlex.split(" ".join(yaml.safe_load(line))), "exec form: signals reach the program"


def test_the_image_holds_what_the_farm_imports() -> None:
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    wanted = {
        "core",
        "venues",
        "streamers",
        "db",
        "migrations",
        "tasks",
        "ops",
        "celeryconfig.py",
        "farm.toml",
        "alerts.toml",
        "requirements.txt",
    }
    assert copied == wanted
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == wanted


def test_the_image_is_the_python_that_is_tested() -> None:
    versions = set(re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE))
    assert versions == {"3.11"} and 'python_version = "3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
