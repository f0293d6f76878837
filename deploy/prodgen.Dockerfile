# prodgen itself: the command line, and a server behind a socket. No GPU; of weights the small network alone.
#   docker build -f deploy/prodgen.Dockerfile -t prodgen .
#   docker build -f deploy/prodgen.Dockerfile --build-arg LOCK=requirements-engine.lock -t prodgen-engine .
# The base image is pinned by digest (python 3.11.16, resolved 2026-09-15); `make pin-images` writes a newer one into .env.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON_IMAGE} AS build
ARG LOCK=requirements.lock
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python -m venv /opt/prodgen
# The packages come first: they change seldom, so their layer is built seldom.
COPY deploy/${LOCK} ./requirements.lock
# What is taken out again (260 MB) is for rembg's own matting, which prodgen does not use.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/prodgen/bin/pip install --require-hashes --only-binary :all: -r requirements.lock && \
    /opt/prodgen/bin/pip uninstall --yes pymatting numba llvmlite scikit-image networkx
COPY pyproject.toml README.md LICENSE ./
COPY prodgen ./prodgen
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/prodgen/bin/pip install --no-deps . && /opt/prodgen/bin/python -m compileall -q /opt/prodgen/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="prodgen" \
      org.opencontainers.image.description="Puts a real product photograph into a generated scene, and keeps it the same product." \
      org.opencontainers.image.licenses="MIT AND Apache-2.0 AND CC0-1.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
RUN useradd --uid 1000 --create-home prodgen && install -d -o prodgen -g prodgen /pictures /models
COPY --from=build /opt/prodgen /opt/prodgen
ENV PATH=/opt/prodgen/bin:$PATH PYTHONUNBUFFERED=1 PRODGEN_MODELS=/models
USER 1000
WORKDIR /pictures
EXPOSE 7860
ENTRYPOINT ["prodgen"]
CMD ["--help"]
