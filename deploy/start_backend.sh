#!/usr/bin/env bash
# Starts the server that install_backend.sh installed: on this machine alone, unless you set a password.
#   start_backend.sh [--host ADDRESS] [--port PORT] [--dry-run] [flags for the web UI...]
# Any address but loopback needs PRODGEN_BACKEND_AUTH=user:password in the environment: without one, everybody who can
# reach the port can draw pictures, read your settings and stop the server.
set -Eeuo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
host=${PRODGEN_BACKEND_HOST:-127.0.0.1}
port=${PRODGEN_BACKEND_PORT:-7860}
auth=${PRODGEN_BACKEND_AUTH:-}
dry_run=false
extra=()

die() { printf 'start_backend.sh: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --host | --port)
            [ $# -ge 2 ] || die "$1 needs a value"
            if [ "$1" = --host ]; then host=$2; else port=$2; fi
            shift
            ;;
        --dry-run) dry_run=true ;;
        --api-auth | --api-auth=* | --gradio-auth | --gradio-auth=*) die "give the password in PRODGEN_BACKEND_AUTH: on a command line every user of the machine can read it" ;;
        --listen | --share | --ngrok*) die "$1 would open the server to others: use --host and PRODGEN_BACKEND_AUTH" ;;
        *) extra+=("$1") ;;
    esac
    shift
done

[ -f "$here/backend.conf" ] || die "$here/backend.conf is missing: run install_backend.sh first"
WEBUI='' FLAGS=''
# shellcheck source=/dev/null
. "$here/backend.conf"
[ -x "$WEBUI/venv/bin/python" ] || die "$WEBUI/venv is missing: run install_backend.sh again"
[[ $port =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die "--port must be 1 to 65535, not $port"

read -r -a flags <<<"$FLAGS"
flags+=(--port "$port" ${extra[@]+"${extra[@]}"})
# What was installed was checked: a start then installs nothing and needs no network. An extension that came later is
# installed by the web UI, with the same constraints.
CHECKED_EXTENSIONS=''
if [ -f "$here/.prodgen-start" ]; then
    # shellcheck source=/dev/null
    . "$here/.prodgen-start"
    if [ "$(cd "$WEBUI/extensions" && echo *)" = "$CHECKED_EXTENSIONS" ]; then
        flags+=(--skip-install)
    else
        echo "start_backend.sh: the extensions are others than at the install: their installers run first" >&2
    fi
fi
[ ! -d "$here/.prodgen-huggingface" ] || export HF_HOME="${HF_HOME:-$here/.prodgen-huggingface}"
secret=()
case $host in
    127.* | localhost | ::1) ;;
    *)
        [[ $auth == ?*:?* ]] || die "--host $host is open to others: set PRODGEN_BACKEND_AUTH=user:password first"
        flags+=(--server-name "$host")
        ;;
esac
if [ -n "$auth" ]; then
    [[ $auth =~ ^[^:,[:space:]]+:[^,[:space:]]+$ ]] || die "PRODGEN_BACKEND_AUTH must be user:password, without blanks or commas"
    # The API's password does not cover the page itself, so both are set.
    secret=(--api-auth "$auth" --gradio-auth "$auth")
fi

if $dry_run; then
    printf 'cd %q && venv/bin/python launch.py %s%s\n' "$WEBUI" "${flags[*]}" "${secret[0]:+ (and a password)}"
    exit 0
fi

cd "$WEBUI"
# The password goes through the environment, which other users cannot read, not through the command line.
quoted=$(printf '%q ' "${flags[@]}" ${secret[@]+"${secret[@]}"})
export COMMANDLINE_ARGS="$quoted" GRADIO_ANALYTICS_ENABLED=False
export STABLE_DIFFUSION_REPO=https://github.com/w-e-w/stablediffusion.git
exec venv/bin/python launch.py
