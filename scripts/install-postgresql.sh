#!/usr/bin/env bash
# Installs PostgreSQL's server, on which tests of reader studies run; does nothing where there is one.
# With --if-possible it says why and succeeds where it cannot be installed: the tests skip.
set -euo pipefail

give_up() {
    echo "$1" >&2
    [ "$optional" = yes ] && exit 0
    exit 1
}

optional=no
[ "${1:-}" = --if-possible ] && optional=yes
find_server() { command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1; }

if [ -n "$(find_server)" ]; then
    echo "PostgreSQL is there: $(find_server)"
    exit 0
fi
command -v apt-get >/dev/null || give_up "There is no apt-get here. Install PostgreSQL's server in your \
system's own way (Fedora: dnf install postgresql-server) so that initdb is on PATH."
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || give_up "Run this as root, or install sudo."
    as_root=(sudo)
    [ "$optional" = yes ] && as_root=(sudo --non-interactive)
fi
"${as_root[@]}" apt-get update || give_up "apt-get cannot fetch its lists of packages."
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends postgresql || give_up "apt-get cannot install postgresql."
echo "PostgreSQL is there: $(find_server)"
