#!/usr/bin/env bash
# Open WebUI itself, for its tests: the version that compose.yaml pins, as the Python package that its image is made of.
#
#   tests/webui/install.sh    exit 0 when .cache/open-webui/bin/python has it; 3 with one line when it cannot be had
#
# Like the slim image it comes without what runs models locally: 0.9 GB instead of 2.9. Playwright drives a browser with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
check_arguments "" 0 "$@"

VENV=$PWD/.cache/open-webui
VERSION=$(sed -n 's|.*/open-webui:v\([0-9.]*\)-slim}.*|\1|p' compose.yaml)
BROWSER=playwright==1.65.2
LEFT_OUT='accelerate|chromadb|einops|faster-whisper|onnxruntime|opencv-python-headless|pandas|pyarrow|rapidocr|sentence-transformers|sentencepiece|soundfile|transformers'

cannot() { echo "No Open WebUI for its tests: $1" >&2; exit 3; }

# A Python that it runs on; prints its name.
python_of_its() {
    for python in .venv/bin/python python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo "$python" && return
    done
    cannot "it runs on Python 3.11 or 3.12 alone"
}

# Without a browser its tests are skipped, and all others run.
browser() {
    command -v chromium >/dev/null || [ "$(id -u)" != 0 ] && return
    echo "Installing Chromium for Open WebUI's tests ..."
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y \
        --no-install-recommends chromium >/dev/null || echo "There will be no browser." >&2
}

browser
[ "$(cat "$VENV/version" 2>/dev/null)" != "$VERSION" ] || exit 0
rm -rf "$VENV"
python=$(python_of_its)
echo "Installing Open WebUI $VERSION for its tests ..."
"$python" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check "$@" 2>"$VENV/pip.log" || cannot "$(tail -1 "$VENV/pip.log")"; }
pip install --no-deps "open-webui==$VERSION"
"$VENV/bin/python" - "$LEFT_OUT" >"$VENV/requirements.txt" <<'PYTHON'
import importlib.metadata, re, sys
wanted = [line for line in importlib.metadata.requires("open-webui") if "extra ==" not in line]
print("\n".join(line for line in wanted if not re.match(rf"({sys.argv[1]})\b(?!-)", line)))
PYTHON
# typer is what one of those left out brings along.
pip install -r "$VENV/requirements.txt" typer "$BROWSER"
echo "$VERSION" >"$VENV/version"
