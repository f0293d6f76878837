#!/usr/bin/env bash
# Writes the digest that the base image's tag has today into .env, so that builds use exactly that image.
#   deploy/pin_images.sh [ENV-FILE]
set -Eeuo pipefail

env_file=${1:-.env}
tag=docker.io/library/python:3.11-slim-bookworm

command -v docker >/dev/null || { echo "pin_images.sh: docker is missing" >&2; exit 1; }
if ! digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}'); then
    echo "pin_images.sh: cannot ask the registry for $tag: is the network up, and docker buildx installed?" >&2
    exit 1
fi
if ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
    echo "pin_images.sh: the registry's answer is no digest: $digest" >&2
    exit 1
fi
touch "$env_file"
kept=$(grep -v '^PYTHON_IMAGE=' "$env_file" || true)
printf '%s\nPYTHON_IMAGE=%s@%s\n' "$kept" "$tag" "$digest" >"$env_file.new"
mv "$env_file.new" "$env_file"
echo "$env_file: PYTHON_IMAGE=$tag@$digest"
