"""The manifests of ops/cluster as they follow from docker-compose.yml: commands and questions for health are the same, the rest is Kubernetes'."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core import pulse
from ops.cli import programs

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "ops" / "cluster"
HEAD = "# Written by tests/test_cluster.py, of docker-compose.yml and tests/cluster_manifests.py.\n"
HOME, METRICS = "/var/lib/tapefarm", "/var/lib/tapefarm-metrics"
#: Above what a program takes to end, as in docker-compose.yml.
GRACE_SECONDS = 45
#: Processes of one pod of writers; WRITER_GROUPS is as many for each pod.
SLOTS = 2
Document = dict[str, Any]

_IMAGE = "tapefarm"
_SERVICES: dict[str, Document] = {
    name: service
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"].items()
    if str(service["image"]).startswith("tapefarm:")
}
#: Venue -> its services, the first replica first.
STREAMERS: dict[str, list[str]] = {}
for _name in _SERVICES:
    if _name.startswith("streamer-"):
        STREAMERS.setdefault(_name.split("-")[1], []).append(_name)
#: Recorded by everybody; the others are components of kustomize, on request.
FIRST = [venue for venue, names in STREAMERS.items() if "profiles" not in _SERVICES[names[0]]]
WORKERS = [name for name in _SERVICES if name.startswith("worker-")]
#: That sign, or log in.
_WITH_LOGINS = {"worker-metadata", "worker-snapshots", "worker-backfill"}


@dataclass(frozen=True)
class Load:
    """What a program is given beside its command. `secrets`: see the example's folder of them."""

    cpu: str
    memory: str
    secrets: Sequence[str]
    silent_seconds: int = programs._WORKER_SILENT_SECONDS
    kept: dict[str, str] = field(default_factory=dict)  # folder -> claim, or "" where it may be lost
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)


_WRITER = ("journal", "writer")
LOADS = {
    "worker-writers": Load("2", "2Gi", _WRITER),
    "worker-maintenance": Load("1", "1536Mi", (*_WRITER, "keeper"), kept={f"{HOME}/data": "data"}),
    "beat": Load("500m", "512Mi", _WRITER, programs._BEAT_SILENT_SECONDS, {HOME: ""}),
    "watcher": Load("500m", "512Mi", (*_WRITER, "watcher"), programs._WATCHER_SILENT_SECONDS, {HOME: "watcher"}),
    "flower": Load("500m", "512Mi", (*_WRITER, "flower"), 0, port=5555),
    "console": Load("1", "768Mi", ("journal", "console"), 0, {HOME: "watcher"}, 8000, {"CONSOLE_ADDRESS": "0.0.0.0"}),
}
_WORKER = Load("1", "768Mi", _WRITER)
_STREAMER = Load("1", "768Mi", ("journal",), programs._STREAMER_SILENT_SECONDS, {HOME: "spool"})


def loaded(name: str) -> Load:
    return LOADS.get(name, _STREAMER if name.startswith("streamer-") else _WORKER)


def container(name: str) -> Document:
    service, load = _SERVICES[name], loaded(name)
    wanted = [*load.secrets, *(["logins"] if name in _WITH_LOGINS or name.startswith("streamer-") else [])]
    sources: list[Document] = [{"configMapRef": {"name": "settings"}}]
    sources += [{"secretRef": {"name": secret, **({"optional": True} if secret == "logins" else {})}} for secret in wanted]
    folders = {"/tmp": "tmp", METRICS: "metrics", **{path: claim or "home" for path, claim in load.kept.items()}}
    mounts: list[Document] = [{"name": volume, "mountPath": path} for path, volume in folders.items()]
    mounts.append({"name": "authority", "mountPath": "/etc/tapefarm", "readOnly": True})
    quantities = {"cpu": load.cpu, "memory": load.memory}
    return {
        "name": name,
        "image": _IMAGE,
        # Kubernetes puts the variable's value in.
        "command": ["$(WRITERS_HERE)" if "WRITER_GROUPS" in word else word for word in service["command"]],
        "env": [{"name": key, "value": value} for key, value in ({pulse.VARIABLE: "/tmp/pulse"} | load.environment).items()],
        "envFrom": sources,
        **({"ports": [{"name": "http", "containerPort": load.port}]} if load.port else {}),
        "resources": {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": quantities},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": mounts,
        **_probes(service, load),
    }


def _probes(service: Document, load: Load) -> Document:
    """Whether it does its work is shown, and nobody is killed for a Redis or a database that is away; who does not turn any more is."""
    if "test" not in service["healthcheck"]:
        return {}
    _, *asked = service["healthcheck"]["test"]
    does = {"exec": {"command": asked}, "periodSeconds": 60, "timeoutSeconds": 20, "failureThreshold": 3}
    turns = [*asked[:3], "turning", str(load.silent_seconds)]
    lives = {"exec": {"command": turns}} if load.silent_seconds else {"exec": {"command": asked}}
    return {"readinessProbe": does, "livenessProbe": {**lives, "periodSeconds": 60, "timeoutSeconds": 20, "failureThreshold": 3}}


def _labels(name: str) -> dict[str, str]:
    kind, _, rest = name.partition("-")
    of_venue = {"tapefarm/venue": rest.split("-")[0]} if kind == "streamer" else {}
    return {"app": name, "tapefarm/part": kind, **of_venue}


def _pod(names: Sequence[str], labels: dict[str, str], claimed: Iterable[str] = ()) -> Document:
    """`claimed`: volumes that a claim template makes."""
    kept = {path: claim for name in names for path, claim in loaded(name).kept.items()}
    volumes: list[Document] = [{"name": volume, "emptyDir": {}} for volume in ("tmp", "metrics")]
    volumes += [{"name": "home", "emptyDir": {}}] if "" in kept.values() else []
    volumes += [
        {"name": claim, "persistentVolumeClaim": {"claimName": claim}}
        for claim in dict.fromkeys(kept.values())
        if claim and claim not in claimed
    ]
    volumes.append({"name": "authority", "configMap": {"name": "authority"}})
    spec: Document = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(name) for name in names],
        "volumes": volumes,
    }
    if venue := labels.get("tapefarm/venue"):
        apart = {"labelSelector": {"matchLabels": {"tapefarm/venue": venue}}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    return {"metadata": {"labels": labels}, "spec": spec}


def _claim(name: str, size: str) -> Document:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def service(name: str, app: str) -> Document:
    """Without an address of its own: its name is that of the pods that do their work, by which the console sees who runs."""
    ports = {"ports": [{"name": "http", "port": loaded(name).port}]} if loaded(name).port else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": {"app": app}, **ports},
    }


def streamer(name: str) -> list[Document]:
    labels = _labels(name)
    spec = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": {"app": name}},
        "template": _pod([name], labels, claimed=["spool"]),
        "volumeClaimTemplates": [_claim("spool", "10Gi")],
    }
    return [{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}, service(name, name)]


def streamers(venue: str) -> list[Document]:
    """Both replicas on nodes of their own, of which one goes at a time."""
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"streamer-{venue}"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"tapefarm/venue": venue}}},
    }
    return [document for name in STREAMERS[venue] for document in streamer(name)] + [budget]


def deployment(name: str, *beside: str, replicas: int = 1) -> list[Document]:
    names, labels = [name, *beside], _labels(name)
    # A disk is had by one pod at a time.
    alone = {"strategy": {"type": "Recreate"}} if any(claim for one in names for claim in loaded(one).kept.values()) else {}
    spec = {"replicas": replicas, **alone, "selector": {"matchLabels": {"app": name}}, "template": _pod(names, labels)}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec},
        *(service(one, name) for one in names),
    ]


def workers() -> list[Document]:
    found = [document for name in WORKERS for document in deployment(name, replicas=2 if name == "worker-writers" else 1)]
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "worker-writers"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "worker-writers"}}},
    }
    return [*found, budget, _volume("data", "200Gi")]


def control() -> list[Document]:
    return [*deployment("beat"), *deployment("flower"), *deployment("console", "watcher"), _volume("watcher", "1Gi")]


def _volume(name: str, size: str) -> Document:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **_claim(name, size)}


def migrate() -> list[Document]:
    pod = _pod(["migrate"], {"app": "migrate", "tapefarm/part": "migrate"})
    pod["spec"]["restartPolicy"] = "OnFailure"
    (own,) = pod["spec"]["containers"]
    own["envFrom"] = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "owner"}}]
    spec = {"backoffLimit": 20, "ttlSecondsAfterFinished": 600, "template": pod}
    return [{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": spec}]


def _policy(name: str, selector: Document, **rules: Any) -> Document:
    kinds = [kind.capitalize() for kind in ("ingress", "egress") if kind in rules]
    spec = {"podSelector": selector, "policyTypes": kinds, **rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}


def _to(*ports: int) -> list[Document]:
    named = [{"protocol": "UDP", "port": 53}, *({"protocol": "TCP", "port": port} for port in (53, *ports))]
    return [{"ports": named}]


def network() -> list[Document]:
    """Nobody is talked to but the console and Flower, by pods that say that they may; streamers have no way to the database."""
    visitors = [{"podSelector": {"matchLabels": {"tapefarm/visitor": "yes"}}}]
    shown = [{"from": visitors, "ports": [{"protocol": "TCP", "port": loaded(name).port} for name in ("console", "flower")]}]
    others = {"matchExpressions": [{"key": "tapefarm/part", "operator": "NotIn", "values": ["streamer"]}]}
    return [
        _policy("nobody", {}, ingress=[]),
        _policy("visitors", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["console", "flower"]}]}, ingress=shown),
        _policy("streamers", {"matchLabels": {"tapefarm/part": "streamer"}}, egress=_to(443, 6379)),
        # Mail, for who is told by it.
        _policy("others", others, egress=_to(443, 465, 587, 5432, 6379)),
    ]


def kustomization() -> list[Document]:
    lasting = [*WORKERS, "beat", "watcher", "flower", "console"]
    settings = {
        "FARM_HOME": HOME,
        "METRICS_FOLDER": METRICS,
        "LOG_FORMAT": "json",
        "REPLICAS": "a,b",
        "FARM_CONTAINERS": ",".join(lasting),
        "WRITERS_HERE": str(SLOTS),
        "WRITER_GROUPS": str(2 * SLOTS),
    }
    files = ["control.yaml", "migrate.yaml", "network.yaml", *(f"streamers-{venue}.yaml" for venue in FIRST), "workers.yaml"]
    generator = [{"name": "settings", "literals": [f"{name}={value}" for name, value in settings.items()]}]
    return [{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": files, "configMapGenerator": generator}]


def files() -> dict[str, list[Document]]:
    """Path below ops/cluster -> its documents."""
    found = {"base/kustomization.yaml": kustomization(), "base/control.yaml": control(), "base/migrate.yaml": migrate()}
    found |= {"base/network.yaml": network(), "base/workers.yaml": workers()}
    for venue in STREAMERS:
        name = f"streamers-{venue}.yaml"
        if venue in FIRST:
            found[f"base/{name}"] = streamers(venue)
            continue
        found[f"components/{venue}/{name}"] = streamers(venue)
        component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": [name]}
        found[f"components/{venue}/kustomization.yaml"] = [component]
    return found


class _Dumper(yaml.SafeDumper):
    """Says everything where it stands: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(documents: Iterable[Document]) -> str:
    return HEAD + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=140, explicit_start=True)
