#!/usr/bin/env bash
# Compares Scaler with its peers; arguments go to benchmarks/run.py.
#
#   scripts/benchmark.sh                         all peers, five rounds: about half an hour
#   scripts/benchmark.sh --quick                 less work, one round: some minutes
#   scripts/benchmark.sh --peers process_pool    only against the standard library's process pool
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

ensure_packages build
ensure_environment
install_project "dev,test"

exec env -u PYTHONPATH "$environment/bin/python" "$root/benchmarks/run.py" "$@"
