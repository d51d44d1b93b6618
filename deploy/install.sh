#!/bin/sh
# Installs the station from an unpacked bundle into a virtual environment. Needs Python 3.11 with venv, no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: ./install.sh /opt/reflash/venv}
(cd "$here" && sha256sum --check --quiet SHA256SUMS)
"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --quiet --no-index --only-binary :all: --find-links "$here" \
    --requirement "$here/packages.txt"
"$target/bin/python" -m pip install --quiet --no-index --no-deps "$here"/reflash_station-*.whl
mkdir -p "$target/share/doc/reflash"
cp -r "$here/README.md" "$here/CHANGELOG.md" "$here/CONTRIBUTING.md" "$here/LICENSE" "$here/docs" "$here/deploy" \
    "$here/tests" "$target/share/doc/reflash/"
"$target/bin/reflash" --help >/dev/null
echo "installed: $target/bin/reflash"
