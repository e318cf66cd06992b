"""ops/cluster: manifests that follow from docker-compose.yml, name only what exists, and let nobody do more than it must. No cluster is needed."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

import celeryconfig
from core import pulse
from core.addresses import objection
from core.settings import documented, load
from ops.cli.running import CONTAINERS
from ops.docker import health, migrate
from tests.cluster_manifests import FOLDER, SLOTS, Document, files, written

FILES = files()
DOCUMENTS = [document for documents in FILES.values() for document in documents if "kustomize" not in document["apiVersion"]]
PODS: dict[str, Document] = {
    document["metadata"]["name"]: document["spec"]["template"]
    for document in DOCUMENTS
    if document["kind"] in ("Deployment", "StatefulSet", "Job")
}
EXAMPLE = FOLDER / "overlays" / "example"
OVERLAY: Document = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text(encoding="utf-8"))
#: Variables that other programs read.
FOREIGN = {CONTAINERS, pulse.VARIABLE, *migrate.PASSWORDS.values()}


def of_kind(kind: str) -> dict[str, Document]:
    return {document["metadata"]["name"]: document for document in DOCUMENTS if document["kind"] == kind}


def containers() -> Iterator[tuple[str, Document]]:
    for name, pod in PODS.items():
        yield from ((name, one) for one in pod["spec"]["containers"])


def values(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def literals(kustomization: Document) -> dict[str, str]:
    (settings,) = [one["literals"] for one in kustomization["configMapGenerator"] if one["name"] == "settings"]
    return dict(line.split("=", 1) for line in settings)


# --- what follows from elsewhere ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
def test_it_is_what_follows_from_the_compose_file(kept: Callable[[str, str], None], name: str) -> None:
    kept(f"ops/cluster/{name}", written(FILES[name]))


def test_there_are_no_others() -> None:
    found = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml")}
    assert found == {*FILES, "overlays/example/kustomization.yaml", "overlays/example/namespace.yaml"}


def test_each_queue_has_a_worker_and_beat_and_the_rest_are_there() -> None:
    queues = {one["command"][one["command"].index("-Q") + 1] for _, one in containers() if "-Q" in one["command"]}
    assert queues == {queue.name for queue in celeryconfig.task_queues}
    assert {"beat", "console", "flower", "migrate"} <= set(PODS)
    assert {one["name"] for _, one in containers()} >= {"watcher"}


def test_groups_are_as_many_as_the_writers_have_processes() -> None:
    (writers,) = [one for _, one in containers() if one["name"] == "worker-writers"]
    assert writers["command"][writers["command"].index("-c") + 1] == "$(WRITERS_HERE)"
    base = literals(FILES["base/kustomization.yaml"][0])
    assert int(base["WRITERS_HERE"]) == SLOTS
    assert int(base["WRITER_GROUPS"]) == SLOTS * of_kind("Deployment")["worker-writers"]["spec"]["replicas"]
    (scaled,) = [one["count"] for one in OVERLAY["replicas"] if one["name"] == "worker-writers"]
    assert int(re.match(r"\d+", literals(OVERLAY)["WRITER_GROUPS"])[0]) == SLOTS * scaled  # type: ignore[index]


# --- names ----------------------------------------------------------------------------------------------------------------
def test_what_kustomize_is_told_exists() -> None:
    for name in FILES:
        if name.endswith("kustomization.yaml"):
            (told,) = FILES[name]
            assert sorted(told["resources"]) == sorted(
                path.name for path in (FOLDER / name).parent.glob("*.yaml") if path.name != "kustomization.yaml"
            )
    assert all((EXAMPLE / name).exists() for name in OVERLAY["resources"])
    assert {image["name"] for image in OVERLAY["images"]} == {one["image"] for _, one in containers()}
    scaled = {one["name"] for one in OVERLAY["replicas"]}
    assert scaled <= set(of_kind("Deployment"))
    told = [name for one in OVERLAY["secretGenerator"] for name in one["envs"]]
    assert {f"{name}.example" for name in told} == {f"secrets/{path.name}" for path in EXAMPLE.glob("secrets/*.example")}


def test_what_a_pod_names_is_made() -> None:
    made = {one["name"] for part in ("configMapGenerator", "secretGenerator") for one in (*OVERLAY[part], *_base(part))}
    claims = set(of_kind("PersistentVolumeClaim"))
    for name, pod in PODS.items():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        templates = of_kind("StatefulSet").get(name, {"spec": {}})["spec"].get("volumeClaimTemplates", [])
        known = set(volumes) | {template["metadata"]["name"] for template in templates}
        assert {volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values() if "persistentVolumeClaim" in volume} <= claims
        assert {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume} <= made
        for one in pod["spec"]["containers"]:
            assert {mount["name"] for mount in one["volumeMounts"]} <= known
            sources = [source[kind] for source in one["envFrom"] for kind in source]
            assert {source["name"] for source in sources if not source.get("optional")} <= made


def _base(part: str) -> list[Any]:
    return FILES["base/kustomization.yaml"][0].get(part, [])  # type: ignore[no-any-return]


def test_selectors_find_pods() -> None:
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    for service in of_kind("Service").values():
        assert any(service["spec"]["selector"].items() <= found.items() for found in labels), service
    for budget in of_kind("PodDisruptionBudget").values():
        assert any(budget["spec"]["selector"]["matchLabels"].items() <= found.items() for found in labels), budget
    for policy in of_kind("NetworkPolicy").values():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(wanted.items() <= found.items() for found in labels), policy
    for kind in ("Deployment", "StatefulSet"):
        for one in of_kind(kind).values():
            assert one["spec"]["selector"]["matchLabels"].items() <= one["spec"]["template"]["metadata"]["labels"].items()


def test_the_console_and_the_watcher_find_each_program_by_its_name() -> None:
    named = set(literals(FILES["base/kustomization.yaml"][0])[CONTAINERS].split(","))
    streamers = {name for name in PODS if name.startswith("streamer-")}
    assert named == {one["name"] for _, one in containers()} - streamers - {"migrate"}
    assert named | streamers <= set(of_kind("Service"))
    assert all(one["spec"]["serviceName"] in of_kind("Service") for one in of_kind("StatefulSet").values())


def test_every_variable_is_a_setting() -> None:
    known = {name for name, _, _ in documented()} | FOREIGN
    said = [one["name"] for _, container in containers() for one in container["env"]]
    said += [*literals(FILES["base/kustomization.yaml"][0]), *literals(OVERLAY)]
    said += [name for path in EXAMPLE.glob("secrets/*.example") for name in values(path)]
    assert set(said) <= known


# --- what they may do -----------------------------------------------------------------------------------------------------
def test_the_example_s_addresses_are_taken_and_speak_tls_with_who_can_prove_to_be_it() -> None:
    found = {name: value for path in EXAMPLE.glob("secrets/*.example") for name, value in values(path).items() if name.endswith("_URL")}
    assert set(found) == {"REDIS_URL", "BROKER_URL", "DATABASE_URL", "DATABASE_BACKUP_URL"}
    load(found)
    for name, url in found.items():
        parts = urlsplit(url)
        assert objection(url) is None
        assert (parts.scheme, "ssl_cert_reqs=required" in url) == ("rediss", True) or "sslmode=verify-full" in parts.query, name
        assert parts.query.endswith("=/etc/tapefarm/ca.pem")


def test_a_streamer_is_told_of_redis_and_has_no_way_to_the_database() -> None:
    for name, one in containers():
        secrets = {source["secretRef"]["name"] for source in one["envFrom"] if "secretRef" in source}
        if name.startswith("streamer-"):
            assert secrets == {"journal", "logins"}
        assert ("owner" in secrets) == (name == "migrate")
        assert ("keeper" in secrets) == (name == "worker-maintenance")
    assert "DATABASE" not in (EXAMPLE / "secrets" / "journal.env.example").read_text(encoding="utf-8")
    ports = [port["port"] for rule in of_kind("NetworkPolicy")["streamers"]["spec"]["egress"] for port in rule["ports"]]
    assert 6379 in ports and 5432 not in ports
    assert of_kind("NetworkPolicy")["nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}


def test_nothing_runs_as_root_or_may_become_it() -> None:
    for name, pod in PODS.items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True and pod["spec"]["securityContext"]["runAsUser"] == 10001, name
        assert pod["spec"]["automountServiceAccountToken"] is False
    for name, one in containers():
        allowed = one["securityContext"]
        assert (
            allowed["readOnlyRootFilesystem"] and not allowed["allowPrivilegeEscalation"] and allowed["capabilities"] == {"drop": ["ALL"]}
        )
        assert set(one["resources"]["limits"]) == {"cpu", "memory"}, name
    assert not [word for name in FILES for word in re.findall(r"PASSWORD|SECRET", written(FILES[name]))], "they stand in secrets alone"


def test_replicas_of_a_venue_are_apart_and_go_one_at_a_time() -> None:
    venues = {pod["metadata"]["labels"].get("tapefarm/venue") for pod in PODS.values()} - {None}
    budgets = of_kind("PodDisruptionBudget")
    for venue in venues:
        pods = [pod for pod in PODS.values() if pod["metadata"]["labels"].get("tapefarm/venue") == venue]
        assert len(pods) == 2 and all("podAntiAffinity" in pod["spec"]["affinity"] for pod in pods)
        assert budgets[f"streamer-{venue}"]["spec"]["minAvailable"] == 1


def test_a_disk_is_had_by_one_pod_at_a_time() -> None:
    for name, one in of_kind("Deployment").items():
        claims = [volume for volume in one["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in volume]
        strategy = one["spec"].get("strategy", {}).get("type")
        assert (strategy == "Recreate" and one["spec"]["replicas"] == 1) if claims else strategy is None, name


# --- health ---------------------------------------------------------------------------------------------------------------
def test_nobody_is_killed_for_a_redis_or_a_database_that_is_away() -> None:
    for name, one in containers():
        if name == "migrate":
            continue
        for probe in ("readinessProbe", "livenessProbe"):
            command = one[probe]["exec"]["command"]
            assert command[:3] == ["python", "-m", "ops.docker.health"] and command[3] in health.CHECKS
        assert one["livenessProbe"]["exec"]["command"][3] in ("turning", "web"), name


def test_a_program_turns_while_its_file_is_touched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pulse"
    monkeypatch.setenv(pulse.VARIABLE, str(path))
    assert health.main(["turning", "30"]) == 0, "the first look makes the file"
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert health.main(["turning", "30"]) == 1
    assert "it has not turned for 60 s" in capsys.readouterr().err
    pulse.Pulse(str(path)).beat()
    assert health.main(["turning", "30"]) == 0
