# Finds the interpreter and configures builds; sourced by scripts that have $root and fail().
# shellcheck shell=bash

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" || fail "\$PYTHON names '$PYTHON', which is no command"
    elif [ -x "${root:?}/.venv/bin/python" ]; then
        printf '%s\n' "$root/.venv/bin/python"
    else
        command -v python3 || fail "python3 is missing: install it, or name an interpreter with \$PYTHON"
    fi
}

# Runs cmake with these arguments, and shows the end of its log when it fails.
configure() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    cmake "$@" > "$log" 2>&1 || { tail -n 30 "$log" >&2; fail "cmake could not configure: see $log"; }
}
