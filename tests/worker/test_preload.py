"""The text form of the preload hook, and its call."""

from __future__ import annotations

import logging
import sys
import types

import pytest

from scaler.worker.preload import PreloadSpecError, execute_preload, parse_preload_spec


@pytest.fixture
def hooks(monkeypatch):
    module = types.ModuleType("preload_test_hooks")
    module.calls = []
    module.record = lambda *arguments, **keywords: module.calls.append((arguments, keywords))
    module.number = 7

    def fail():
        raise ZeroDivisionError("from the hook")

    def mistake():
        return len(7)

    module.fail = fail
    module.mistake = mistake
    module.takes_one = lambda one: None
    monkeypatch.setitem(sys.modules, "preload_test_hooks", module)
    return module


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("pkg.mod:func", ("pkg.mod", "func", (), {})),
        ("mod:func()", ("mod", "func", (), {})),
        ("mod:func('a', 2, key=[1, None])", ("mod", "func", ("a", 2), {"key": [1, None]})),
        ("mod:func('with:colon', -1)", ("mod", "func", ("with:colon", -1), {})),
        (" mod : func ", ("mod", "func", (), {})),
    ],
)
def test_parses(spec, expected):
    assert parse_preload_spec(spec) == expected


@pytest.mark.parametrize("spec", ["mod.func", "", ":func", "mod:", "mod"])
def test_refuses_text_of_another_form(spec):
    with pytest.raises(PreloadSpecError, match=r"preload must be in 'module\.sub:func\(\.\.\.\)' format"):
        parse_preload_spec(spec)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("mod:a.b", "plain name"),
        ("mod:a.b()", "plain name"),
        ("mod:f()()", "plain name"),
        ("mod:1 + 1", "plain name"),
        ("mod:f(", "cannot parse"),
        ("mod:f(\0)", "cannot parse"),
        ("mod:f(x)", "literals"),
        ("mod:f(key=open('x'))", "literals"),
        ("mod:f({{}: 1})", "literals"),
        ("mod:f(*[1])", "literals"),
        ("mod:f(**{'a': 1})", "written out"),
    ],
)
def test_refuses_what_is_not_a_call_with_literals(spec, text):
    with pytest.raises(PreloadSpecError, match=text):
        parse_preload_spec(spec)


def test_calls_the_hook(hooks, caplog):
    caplog.set_level(logging.INFO)
    execute_preload("preload_test_hooks:record('a', key=1)")
    execute_preload("preload_test_hooks:record")
    assert hooks.calls == [(("a",), {"key": 1}), ((), {})]
    assert "preloading: preload_test_hooks:record with args=('a',) kwargs={'key': 1}" in caplog.text


def test_refuses_what_cannot_be_called(hooks):
    with pytest.raises(PreloadSpecError, match="Preload target must be callable"):
        execute_preload("sys:version")
    with pytest.raises(PreloadSpecError, match="no attribute 'absent'"):
        execute_preload("preload_test_hooks:absent")
    with pytest.raises(PreloadSpecError, match="cannot call"):
        execute_preload("preload_test_hooks:takes_one()")


def test_hints_at_the_module_of_a_file(tmp_path, monkeypatch):
    (tmp_path / "hook.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PreloadSpecError, match=r"write 'hook' instead of 'hook\.py'"):
        execute_preload("hook.py:func")


def test_lets_other_errors_pass(hooks):
    with pytest.raises(ZeroDivisionError, match="from the hook"):
        execute_preload("preload_test_hooks:fail")
    with pytest.raises(TypeError, match="has no len") as raised:  # not that of the call itself
        execute_preload("preload_test_hooks:mistake")
    assert raised.traceback[-1].name == "mistake"
    with pytest.raises(ModuleNotFoundError):
        execute_preload("no_such_module_anywhere:f")
