#!/usr/bin/env bash
# Installs Chromium, in which tests/browser open the report; does nothing where there is one.
set -euo pipefail

find_chromium() { command -v chromium || command -v chromium-browser; }

if find_chromium >/dev/null; then
    echo "Chromium is there: $(find_chromium)"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here. Install Chromium in your system's own way (Fedora: dnf install" \
        "chromium; Arch: pacman -S chromium) so that 'chromium' or 'chromium-browser' is on PATH." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run this as root, or install sudo." >&2; exit 1; }
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update
package=chromium
if ! apt-cache show "$package" >/dev/null 2>&1; then
    package=chromium-browser # Ubuntu's
    echo "Ubuntu's Chromium is a snap and sees nothing under /tmp; run the tests with" \
        "TMPDIR set to a folder in your home."
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$package"
found=$(find_chromium)
echo "Chromium is there: $found"
