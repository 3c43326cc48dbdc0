"""The dev container is made of steps that also run on a bare Debian, where continuous integration runs them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any

import yaml
from documents import ROOT

SCRIPT = ROOT / "scripts" / "dev_container.sh"
FOLDER = ROOT / ".devcontainer"
COPIED_TO = "/opt/scaler/"  # where the Dockerfile puts the scripts


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (FOLDER / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def _settings() -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text())
    return settings


def _linux_job() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    job: dict[str, Any] = workflow["jobs"]["linux"]
    return job


def _steps() -> list[str]:
    """Return the steps that the container is made of, in order, as they are called in the repository."""
    made = [line.removeprefix(COPIED_TO) for name, line in _instructions() if name == "RUN"]
    return [*made, _settings()["postCreateCommand"]]


def test_the_dockerfile_does_nothing_itself() -> None:
    assert {name for name, _ in _instructions()} == {"FROM", "ENV", "COPY", "RUN", "USER"}
    assert ("COPY", f"scripts {COPIED_TO}scripts") in _instructions()
    assert [step for step in _steps() if shlex.split(step)[0] != "scripts/dev_container.sh"] == []
    assert [shlex.split(step)[1] for step in _steps()] == ["packages", "user", "environment"]


def test_every_step_is_one_of_the_script() -> None:
    text = SCRIPT.read_text()
    known = set(re.findall(r"^    ([a-z]+)\)", text, re.MULTILINE))
    assert known == {shlex.split(step)[1] for step in _steps()}
    done = subprocess.run([str(SCRIPT), "paint"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "[setup] error: usage: scripts/dev_container.sh packages|user [NAME]|environment\n"


def test_the_container_runs_as_the_user_it_makes() -> None:
    made = next(shlex.split(step)[2] for step in _steps() if shlex.split(step)[1] == "user")
    assert made == _settings()["remoteUser"] == dict(_instructions())["USER"]


def test_the_container_is_built_from_the_repository() -> None:
    build = _settings()["build"]
    assert (FOLDER / build["dockerfile"]).is_file()
    assert (FOLDER / build["context"]).resolve() == ROOT


def test_continuous_integration_runs_the_same_steps_on_a_bare_debian() -> None:
    job = _linux_job()
    instructions = dict(_instructions())
    assert job["container"]["image"] == instructions["FROM"]
    assert [f"{name}={value}" for name, value in job["env"].items()] == [instructions["ENV"]]
    run = [step["run"] for step in job["steps"] if "run" in step]
    root_needs_no_user = [step for step in _steps() if shlex.split(step)[1] != "user"]
    assert run == [*root_needs_no_user, "scripts/test.sh"]
