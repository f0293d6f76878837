#!/usr/bin/env bash
# Starts the engine that "install_backend.sh --flavour engine" installed: on this machine alone, unless you set a password.
#   start_backend.sh [--host ADDRESS] [--port PORT] [options of prodgen serve...]
# Any address but loopback needs PRODGEN_BACKEND_AUTH=user:password in the environment.
set -Eeuo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
die() { printf 'start_backend.sh: %s\n' "$*" >&2; exit 1; }

for word in "$@"; do
    case $word in --api-auth | --api-auth=*) die "give the password in PRODGEN_BACKEND_AUTH: on a command line every user of the machine can read it" ;; esac
done
[ -f "$here/backend.conf" ] || die "$here/backend.conf is missing: run install_backend.sh first"
MODELS='' VRAM=''
# shellcheck source=/dev/null
. "$here/backend.conf"
[ -x "$here/venv/bin/prodgen" ] || die "$here/venv is incomplete: run install_backend.sh again"

export PRODGEN_MODELS="$MODELS" PRODGEN_VRAM="${VRAM:-${PRODGEN_VRAM:-}}"
export PRODGEN_SERVE_AUTH="${PRODGEN_BACKEND_AUTH:-${PRODGEN_SERVE_AUTH:-}}"
exec "$here/venv/bin/prodgen" serve --engine diffusers \
    --host "${PRODGEN_BACKEND_HOST:-127.0.0.1}" --port "${PRODGEN_BACKEND_PORT:-7860}" "$@"
