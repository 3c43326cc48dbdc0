"""The comparison itself: a tiny run of our engine, and drivers that go wrong."""

import io
import json
import sys
from pathlib import Path

import pytest
from comparison import driver, environments, work
from comparison.environments import Interpreter, NotInstalled, prepare
from comparison.graphs import SHAPES, Graph
from comparison.scale import TINY
from comparison.session import EngineFailed, Session
from comparison.workloads import WORKLOADS

from scaler.utility.graph.optimization import cull_graph

OURS = Interpreter(Path(sys.executable))


class LocalEngine:
    """Runs every task at once in this process; each result passes through a function that may spoil it."""

    def __init__(self, spoil=lambda value: value):
        self._spoil = spoil

    def submit(self, function, *arguments):
        return self._spoil(function(*arguments))

    def collect(self, pending):
        return list(pending)

    def map(self, function, values):
        return [self.submit(function, value) for value in values]

    def share(self, value):
        return value

    def compute(self, graph, keys):
        values = Graph(graph, keys).expected()
        return [self._spoil(values[key]) for key in keys]


def asked(engine, *names):
    """Return a driver's answers to questions about workloads."""
    answers = io.StringIO()
    driver.serve(engine, TINY, io.StringIO("".join(json.dumps(name) + "\n" for name in names)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_yields_positive_durations(name):
    (answer,) = asked(LocalEngine(), name)
    assert answer["workload"] == name
    assert answer["figures"]["seconds"] > 0
    assert all(value >= 0 for value in answer["figures"].values())


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "idle"])
def test_an_engine_with_wrong_results_gets_an_error_in_place_of_figures(name):
    (answer,) = asked(LocalEngine(spoil=lambda value: value + 1), name)
    assert "wrong results" in answer["error"]
    assert "figures" not in answer


def test_an_engine_without_graphs_has_no_figures_of_them(monkeypatch):
    monkeypatch.setattr(LocalEngine, "compute", lambda self, graph, keys: None)
    assert asked(LocalEngine(), "tree") == [{"workload": "tree", "figures": {}}]


@pytest.mark.parametrize("shape", SHAPES)
def test_graphs_have_the_size_that_was_asked_for_and_are_needed_as_a_whole(shape):
    graph = SHAPES[shape](100)
    assert len(graph) == 100
    assert set(cull_graph(graph.nodes, graph.keys)) == set(graph.nodes)
    assert list(graph.expected()) == graph.keys


def test_an_error_does_not_keep_the_next_workload_from_being_run():
    answers = asked(LocalEngine(), "no such workload", "submit")
    assert ["error" in answer for answer in answers] == [True, False]


def test_a_tiny_run_of_our_engine(leftovers):
    with Session("scaler", OURS, 1, "tiny") as session:
        for name in ("submit", "call", "tree", "shared array"):
            session.ask(name)
    assert session.run.errors == {}
    assert session.run.figures["submit"]["tasks"] == TINY.tasks
    assert session.run.figures["call"]["p50_us"] <= session.run.figures["call"]["p99_us"]
    assert session.run.figures["tree"]["tasks"] == TINY.graph_nodes
    assert session.run.figures["shared array"]["peak_memory_bytes"] > TINY.array_bytes
    assert session.run.figures["start"]["first_result_seconds"] > 0


def test_an_engine_that_cannot_be_imported_is_reported(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(EngineFailed, match="ended"):
        Session("scaler", Interpreter(broken), 1, "tiny")


def test_a_peer_that_pip_cannot_install_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "_run", lambda command: (_ for _ in ()).throw(NotInstalled("no such release")))
    with pytest.raises(NotInstalled, match="no such release"):
        prepare(tmp_path / "peer", ["nothing"])


def test_modules_below_src_are_copied_to_their_package(tmp_path):
    (tmp_path / "src" / "package" / "io").mkdir(parents=True)
    (tmp_path / "package" / "io").mkdir(parents=True)
    (tmp_path / "src" / "package" / "io" / "module.so").write_bytes(b"code")
    environments._complete(tmp_path)
    assert (tmp_path / "package" / "io" / "module.so").read_bytes() == b"code"


def test_library_folders_reach_the_interpreter():
    variables = Interpreter(Path("python"), (Path("/a"), Path("/b"))).variables([Path("/c")])
    assert (variables["LD_LIBRARY_PATH"], variables["PYTHONPATH"]) == ("/a:/b", "/c")


def test_tasks_do_what_they_say():
    assert work.no_op(3) == 3
    assert work.sum_array(work.make_array(1024, 5)) == 5 * 128
    assert work.sleep_seconds(0.0) == work.spin_seconds(0.0) == 0.0
