#!/usr/bin/env bash
# Makes a bare Debian ready for work on Scaler. The dev container is made of these steps, and CI runs the same ones.
#
#   scripts/dev_container.sh packages       system packages: compilers, libraries, formatters, and what tests need
#   scripts/dev_container.sh user [NAME]    a user who may use sudo, "developer" by default; must be run as root
#   scripts/dev_container.sh environment    .venv with the package and all that its tests need, and the pre-commit hooks
#
# Each step does nothing that is done already. After the last one scripts/test.sh has nothing left to install.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

make_user() {
    local name=$1
    [ "$(id -u)" -eq 0 ] || fail "only root can make the user '$name': run this step as root"
    have sudo || fail "sudo is missing: run the step 'packages' first"
    if id "$name" >/dev/null 2>&1; then
        say "user $name: there already"
    else
        say "making the user $name"
        useradd --create-home --shell /bin/bash "$name"
    fi
    printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$name" > "/etc/sudoers.d/$name"
    chmod 0440 "/etc/sudoers.d/$name"
}

install_hooks() {
    if ! git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        say "no pre-commit hooks: $root is no clone of the repository"
        return
    fi
    (cd "$root" && "${environment:?}/bin/pre-commit" install)
}

step=${1:-}
case $step in
    packages) ensure_packages development ;;
    user) make_user "${2:-developer}" ;;
    environment)
        ensure_packages development
        ensure_environment
        install_project "${every_extra:?}"
        install_hooks
        ;;
    *) fail "usage: scripts/dev_container.sh packages|user [NAME]|environment" ;;
esac
say "step '$step' is done"
