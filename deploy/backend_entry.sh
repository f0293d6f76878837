#!/usr/bin/env bash
# First process of the GPU server's container: lays the models volume out as the web UI expects it, and starts.
set -Eeuo pipefail
trap 'exit 130' INT TERM # a first process ignores what it has no handler for; the web UI has its own

if [ -z "${PRODGEN_BACKEND_AUTH:-}" ]; then
    echo "backend_entry.sh: without a password this server does not start: set PRODGEN_AUTH=user:password in .env (without compose: PRODGEN_BACKEND_AUTH)" >&2
    exit 1
fi
# What the web UI ships in its models folder lies hidden below the volume; nothing of the user's is overwritten.
if ! cp -Rn /srv/backend/models.image/. /srv/backend/webui/models/; then
    echo "backend_entry.sh: the models volume cannot be written by user $(id -u); give it to that user" >&2
    exit 1
fi
exec /srv/backend/start_backend.sh --host 0.0.0.0 "$@"
