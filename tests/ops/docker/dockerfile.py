"""A Dockerfile's steps, read and carried out one by one in Debian systems in folders, as an engine would in layers.

What ours uses is understood, and anything else is an error: a step that is passed over would be a step that is not tested.
"""

import json
import re
import shlex
import shutil
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.settings import ROOT
from tests.debian_root import DebianRoot


@dataclass(frozen=True)
class Step:
    word: str
    text: str

    @property
    def argv(self) -> list[str]:
        """Of the exec form as it stands, of the shell form by a shell."""
        if self.text.startswith("["):
            found: list[str] = json.loads(self.text)
            return found
        return ["/bin/sh", "-c", self.text]


@dataclass
class Stage:
    """What a stage has come to."""

    root: DebianRoot
    name: str = ""
    folder: str = "/"
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def stages(text: str) -> list[list[Step]]:
    """The steps of each stage, the first one its FROM."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    steps = [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]
    found: list[list[Step]] = []
    for step in steps:
        if step.word == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def built(text: str, base: Callable[[str], DebianRoot], extra: Mapping[str, str]) -> Stage:
    """The last stage, with the stages before it behind it. `base`: a new system for the name of an image. `extra`: what the machine needs in its
    environment to reach its package indexes; a stage does not keep it."""
    before: dict[str, Stage] = {}
    for steps in stages(text):
        image, *named = re.split(r"\s+AS\s+", steps[0].text)
        stage = Stage(base(image), named[0] if named else "")
        for step in steps[1:]:
            _STEPS[step.word](stage, step, before, extra)
        before[stage.name] = stage
    return stage


def _run(stage: Stage, step: Step, before: Mapping[str, Stage], extra: Mapping[str, str]) -> None:
    del before
    stage.root.run(*step.argv, user=stage.user, folder=stage.folder, env={**extra, **stage.environment})


def _copy(stage: Stage, step: Step, before: Mapping[str, Stage], extra: Mapping[str, str]) -> None:
    del extra
    words = step.text.split()
    source = before[words.pop(0).removeprefix("--from=")].root.path if words[0].startswith("--from=") else None
    *names, place = words
    target = stage.root.path / (Path(stage.folder) / place).relative_to("/")
    for name in names:
        path = (source / name.lstrip("/")) if source else shown(name)
        into_folder = place.endswith(("/", ".")) or len(names) > 1
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True, ignore=None if source else _IGNORED)
        else:
            (target if into_folder else target.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / path.name if into_folder else target)


#: As .dockerignore says.
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def shown(name: str) -> Path:
    """The file of the checkout, if .dockerignore shows it to an engine."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in rules and {"**/__pycache__", "**/*.pyc"} <= set(rules)
    assert f"!{name}" in rules, f"{name} is not shown to an engine"
    return ROOT / name


def _env(stage: Stage, step: Step, *_: object) -> None:
    """Only what stands there; PATH is that of the system."""
    known = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **stage.environment}
    for word in shlex.split(step.text):
        name, _, value = word.partition("=")
        stage.environment[name] = string.Template(value).substitute(known)


def _workdir(stage: Stage, step: Step, *_: object) -> None:
    stage.folder = step.text
    (stage.root.path / step.text.lstrip("/")).mkdir(parents=True, exist_ok=True)


def _user(stage: Stage, step: Step, *_: object) -> None:
    stage.user = step.text


def _cmd(stage: Stage, step: Step, *_: object) -> None:
    stage.command = step.argv


def _healthcheck(stage: Stage, step: Step, *_: object) -> None:
    options, _, command = step.text.partition("CMD ")
    assert all(re.fullmatch(r"--(interval|timeout|start-period|retries)=\w+", word) for word in options.split())
    stage.health = Step("CMD", command).argv


_STEPS: dict[str, Callable[[Stage, Step, Mapping[str, Stage], Mapping[str, str]], None]] = {
    "RUN": _run,
    "COPY": _copy,
    "ENV": _env,
    "WORKDIR": _workdir,
    "USER": _user,
    "CMD": _cmd,
    "HEALTHCHECK": _healthcheck,
}
