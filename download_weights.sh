#!/usr/bin/env bash
# Downloads the model files that prodgen's recipes use. Needs Python 3.11 or later and nothing else: not even prodgen.
#   ./download_weights.sh --list          what there is, with licences
#   ./download_weights.sh                 the default set, into the models folder that install_backend.sh made
#   ./download_weights.sh --help          the rest
set -Eeuo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

find_python() {
    local candidate
    for candidate in "${PRODGEN_PYTHON:-}" python3.13 python3.12 python3.11 python3 python3.14; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1 && candidate=$(uv python find '>=3.11' 2>/dev/null); then
        printf '%s\n' "$candidate"
        return 0
    fi
    return 1
}

if ! python=$(find_python); then
    echo "download_weights.sh: Python 3.11 or later is needed: apt install python3, or: uv python install 3.12," \
        "or set PRODGEN_PYTHON to one" >&2
    exit 2
fi

# -P: the folder this is called from must not stand in for a standard module.
PYTHONPATH="$here" exec "$python" -P -m prodgen.weights "$@"
