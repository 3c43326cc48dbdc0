#!/usr/bin/env bash
# Builds and installs Scaler into .venv, starts a local cluster and runs a real job on it: the code metrics of every module
# of Python's standard library. Repeating it is cheap.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

ensure_packages build
ensure_environment
install_project ""
say "running examples/code_metrics.py"
exec env -u PYTHONPATH "$environment/bin/python" "$root/examples/code_metrics.py" "$@"
