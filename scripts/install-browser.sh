#!/usr/bin/env bash
# Installs Chromium, in which tests/browser open the report and reader studies; does nothing where there is one.
# With --if-possible it says why and succeeds where Chromium cannot be installed: the tests skip.
set -euo pipefail

give_up() {
    echo "$1" >&2
    [ "$optional" = yes ] && exit 0
    exit 1
}

optional=no
[ "${1:-}" = --if-possible ] && optional=yes
find_chromium() { command -v chromium || command -v chromium-browser; }

if find_chromium >/dev/null; then
    echo "Chromium is there: $(find_chromium)"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    give_up "There is no apt-get here. Install Chromium in your system's own way (Fedora: dnf install \
chromium; Arch: pacman -S chromium) so that 'chromium' or 'chromium-browser' is on PATH."
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || give_up "Run this as root, or install sudo."
    as_root=(sudo)
    [ "$optional" = yes ] && as_root=(sudo --non-interactive)
fi
"${as_root[@]}" apt-get update || give_up "apt-get cannot fetch its lists of packages."
package=chromium
if ! apt-cache show "$package" >/dev/null 2>&1; then
    package=chromium-browser # Ubuntu's
    echo "Ubuntu's Chromium is a snap and sees nothing under /tmp; run the tests with" \
        "TMPDIR set to a folder in your home."
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$package" ||
    give_up "apt-get cannot install $package."
found=$(find_chromium)
echo "Chromium is there: $found"
