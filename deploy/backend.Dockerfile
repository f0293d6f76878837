# The GPU server: AUTOMATIC1111's web UI with IC-Light and the prodgen bridge, installed by install_backend.sh.
#   docker build -f deploy/backend.Dockerfile -t prodgen-backend .
# CUDA itself comes with torch; only the driver is the host's (NVIDIA container toolkit).
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON_IMAGE} AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends build-essential git && rm -rf /var/lib/apt/lists/*
# The user and the folder are those of the image that runs it: a virtual environment cannot be moved.
RUN useradd --uid 1000 --create-home prodgen && install -d -o prodgen -g prodgen /srv/backend
USER 1000
WORKDIR /home/prodgen
COPY --chown=prodgen install_backend.sh ./
COPY --chown=prodgen deploy ./deploy
# Compute capability of the GPU it will run on: 8.6 for an RTX 30xx, 8.9 for 40xx, 12.0 for 50xx.
ARG CAPABILITY=8.6
ARG IC_LIGHT=v2
# Sources first: a failed download of packages then need not clone again.
RUN ./install_backend.sh --dir /srv/backend --ic-light "$IC_LIGHT" --sources-only
RUN --mount=type=cache,target=/home/prodgen/.cache/pip,uid=1000 \
    ./install_backend.sh --dir /srv/backend --ic-light "$IC_LIGHT" --capability "$CAPABILITY" \
    && mv /srv/backend/webui/models /srv/backend/models.image

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="prodgen-backend" \
      org.opencontainers.image.description="AUTOMATIC1111's web UI 1.10.1 with IC-Light and the prodgen bridge." \
      org.opencontainers.image.licenses="AGPL-3.0-only AND Apache-2.0 AND MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
# git: the web UI asks it for its own version. libgl1, libglib2.0-0: its OpenCV. tcmalloc: else memory grows for ever.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git libgl1 libglib2.0-0 libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home prodgen
COPY --from=build --chown=prodgen /srv/backend /srv/backend
COPY --chown=prodgen deploy/healthcheck.py deploy/backend_entry.sh /srv/backend/
RUN install -d -o prodgen -g prodgen /srv/backend/webui/models /srv/backend/webui/outputs
ENV LD_PRELOAD=libtcmalloc_minimal.so.4 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
WORKDIR /srv/backend
EXPOSE 7860
# The web UI ends at once at SIGINT; a first process without a handler for SIGTERM would not notice that one.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=20s --start-period=5m --retries=3 CMD ["python", "/srv/backend/healthcheck.py"]
ENTRYPOINT ["bash", "/srv/backend/backend_entry.sh"]
