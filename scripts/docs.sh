#!/usr/bin/env bash
# Builds the documentation into build/docs; a warning is an error. Needs no network, but to install what is missing. Everything
# is built anew, as Sphinx does not know of the code that pages are made from.
#
#   scripts/docs.sh             into build/docs
#   scripts/docs.sh FOLDER      into another folder
#
# $PYTHON names an interpreter that has the package and its extra "docs"; otherwise .venv is made ready.
set -euo pipefail

folder=${1:-}
if [ -z "${PYTHON:-}" ]; then
    source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
    ensure_packages build
    ensure_environment
    install_project "${every_extra:?}"
    PYTHON=${environment:?}/bin/python
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${folder:-build/docs}
"$PYTHON" -m sphinx -b html --fresh-env --write-all --fail-on-warning --keep-going --quiet -d "$folder/.doctrees" docs "$folder"
printf '[docs] %s/index.html\n' "$folder"
