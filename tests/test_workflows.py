"""What every workflow of continuous integration keeps to: pinned actions, least permissions, scripts that exist."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT
from workflows import FILES, Job, called_scripts, expressions, jobs, read, used_actions

EXPECTED = {"codeql", "dependency-review", "docs", "lint", "release", "scorecard", "test", "wheels"}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
RELEASE = re.compile(r"v\d+\.\d+\.\d+")
# What somebody who opens a pull request, or names a branch, cannot choose.
TRUSTED = re.compile(r"matrix\.[\w-]+|runner\.[\w-]+")
HARDENED = "step-security/harden-runner"
# The permissions to write that there are, and which jobs have them.
WRITING = {
    "codeql.yml:python": {"security-events"},
    "codeql.yml:cpp": {"security-events"},
    "docs.yml:publish": {"pages", "id-token"},
    "release.yml:attest": {"attestations", "id-token"},
    "release.yml:attach": {"contents"},
    "release.yml:publish": {"id-token"},
    "scorecard.yml:analysis": {"security-events", "id-token"},
}

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
every_job = pytest.mark.parametrize("job", jobs(), ids=str)


def _documented_arguments(script: Path) -> set[str]:
    """Return the words that the head of a script shows as its arguments, and N for numbers."""
    text = script.read_text()
    shown = re.findall(rf"^#\s+(?:\S+ )?{re.escape(str(script.relative_to(ROOT)))} (.*)$", text, re.MULTILINE)
    shown += re.findall(rf"usage: (?:scripts/)?{re.escape(script.name)} (.*?)\"", text)
    words = {word for line in shown for word in re.findall(r"[\w-]+", line.split("  ")[0])}
    return {"N" if word.isdigit() else word.lstrip("-") for word in words}


def _is_path(argument: str) -> bool:
    return "/" in argument or argument.startswith("$")


def test_all_workflows_are_there() -> None:
    assert {file.stem for file in FILES} == EXPECTED


@every_file
def test_actions_are_pinned_to_a_commit_and_say_its_release(file: Path) -> None:
    used = used_actions(file.read_text())
    own = [action for action, _ in used if action.startswith("./")]
    others = [(action, comment) for action, comment in used if action not in own]
    assert len(used) == file.read_text().count("uses:")
    assert [action for action in own if not (ROOT / action).exists()] == []
    assert [pair for pair in others if not PINNED.fullmatch(pair[0]) or not RELEASE.fullmatch(pair[1])] == []


def test_an_action_has_one_release_everywhere() -> None:
    releases: dict[str, set[tuple[str, str]]] = {}
    for file in FILES:
        for action, comment in used_actions(file.read_text()):
            if "@" in action:
                repository, commit = action.split("@")
                releases.setdefault("/".join(repository.split("/")[:2]), set()).add((commit, comment))
    assert {name: found for name, found in releases.items() if len(found) > 1} == {}


@every_file
def test_a_workflow_has_no_permission_of_its_own(file: Path) -> None:
    content = read(file)
    assert content["permissions"] == {}
    assert "pull_request_target" not in content[True] and "workflow_run" not in content[True]


@every_job
def test_a_job_has_the_permissions_that_it_needs(job: Job) -> None:
    permissions = job.content["permissions"]
    assert isinstance(permissions, dict) and set(permissions.values()) <= {"read", "write"}
    assert {name for name, value in permissions.items() if value == "write"} == WRITING.get(str(job), set())


@every_job
def test_a_job_ends_in_time_on_a_named_system(job: Job) -> None:
    if "uses" in job.content:
        return  # the jobs of the workflow that it calls say so
    assert 0 < job.content["timeout-minutes"] <= 120
    systems = list(job.expanded(job.content["runs-on"]))
    assert [system for system in systems if not re.fullmatch(r"[a-z]+-[\d.]+(-arm)?", system)] == []


@every_job
def test_a_job_on_the_runner_itself_starts_with_its_hardening(job: Job) -> None:
    """In a container it cannot be done."""
    used = [step.get("uses", "").split("@")[0] for step in job.steps]
    is_on_runner = bool(used) and "container" not in job.content
    assert (used[:1] == [HARDENED]) == is_on_runner


@every_job
def test_a_clone_keeps_no_credentials(job: Job) -> None:
    clones = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step for step in clones if step["with"]["persist-credentials"] is not False] == []


@every_job
def test_what_others_can_choose_is_not_part_of_a_command(job: Job) -> None:
    assert [each for line in job.lines for each in expressions(line) if not TRUSTED.fullmatch(each)] == []


@every_job
def test_scripts_exist_and_know_their_arguments(job: Job) -> None:
    calls = [call for line in job.lines for each in job.expanded(line) for call in called_scripts(each)]
    missing = [path for path, _ in calls if not os.access(ROOT / path, os.X_OK)]
    assert missing == []
    unknown = [
        f"{path} {argument}"
        for path, arguments in calls
        for argument in arguments
        if not _is_path(argument)
        and ("N" if argument.isdigit() else argument.lstrip("-")) not in _documented_arguments(ROOT / path)
    ]
    assert unknown == []


def test_a_release_publishes_only_what_was_built_tried_and_attested() -> None:
    release = {job.name: job.content for job in jobs() if job.file == "release.yml"}
    assert release["build"]["uses"] == "./.github/workflows/wheels.yml"
    assert {name: job["needs"] for name, job in release.items() if name != "build"} == {
        "attest": "build",
        "publish": "attest",
        "attach": "attest",
    }
    # Every job of that workflow must succeed, and what it keeps for the release has names that the release looks for.
    wheels = [job for job in jobs() if job.file == "wheels.yml"]
    assert [str(job) for job in wheels if "continue-on-error" in str(job.content)] == []
    kept = [step["with"]["name"] for job in wheels for step in job.steps if "upload-artifact" in step.get("uses", "")]
    assert kept and [name for name in kept if not name.startswith("dist-")] == []


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("./scripts/test.sh", [("scripts/test.sh", [])]),
        ("bash -c 'scripts/a.sh one && scripts/b.sh'", [("scripts/a.sh", ["one"]), ("scripts/b.sh", [])]),
        ("python scripts/c.py x y\nscripts/d.sh", [("scripts/c.py", ["x", "y"]), ("scripts/d.sh", [])]),
        ("docker build .", []),
    ],
)
def test_calls_of_scripts_are_found(line: str, calls: list[tuple[str, list[str]]]) -> None:
    assert called_scripts(line) == calls


def test_dependabot_looks_after_everything_that_is_pinned() -> None:
    settings: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    updates = {update["package-ecosystem"]: update for update in settings["updates"]}
    assert set(updates) == {"pip", "github-actions", "docker"}
    assert {update["schedule"]["interval"] for update in updates.values()} == {"weekly"}
    assert (ROOT / updates["docker"]["directory"].lstrip("/") / "Dockerfile").is_file()
