#!/usr/bin/env bash
# Runs two of the examples against each other: a server and a client, as a test.
#
#   check_pair.sh echo FOLDER          FOLDER has the programs
#   check_pair.sh publish FOLDER
set -euo pipefail

folder=$2
output=$(mktemp)
server=""
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
    rm -f "$output"
}
trap clean_up EXIT

# Starts the program in the background, and prints the address it says that it listens at.
start() {
    "$@" > "$output" &
    server=$!
    for _ in $(seq 600); do
        address=$(sed -n 's/^listening at //p' "$output")
        if [ -n "$address" ]; then return; fi
        sleep 0.05
    done
    echo "$1 does not listen" >&2
    exit 1
}

case $1 in
    echo)
        start "$folder/echo_server"
        [ "$(printf 'one\ntwo\n' | "$folder/echo_client" "$address")" = $'one\ntwo' ]
        ;;
    publish)
        start "$folder/publisher" time
        "$folder/subscriber" "$address" time 3 | grep -cE '^[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}Z$' | grep -qx 3
        wait "$server" # it ends with its last subscriber
        server=""
        ;;
esac
