# The engine: vLLM in its own environment, with temper's plugin. Built from the application's root:
#   docker build -f docker/engine.Dockerfile --build-arg ENGINE=cpu .        (or ENGINE=cuda)
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG ENGINE=cpu
ENV UV_LINK_MODE=copy UV_CACHE_DIR=/cache/uv PIP_CACHE_DIR=/cache/pip PIP_ROOT_USER_ACTION=ignore
# Debian's security updates are wanted, not one version of a package. No C++ compiler: make engine says that suffix
# decoding is left out, which only a rung of the benchmark wants.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile ./
COPY requirements requirements
COPY src/temper_vllm src/temper_vllm
# The same steps as on any machine: there is one way to make an environment.
RUN --mount=type=cache,target=/cache make engine ENGINE="${ENGINE}"

FROM ${BASE}
# vLLM's CPU kernels want libnuma; Triton compiles small launchers on GPUs with a C compiler.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev libnuma1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home temper \
 && install --directory --owner temper /state
COPY --from=build /app/.venv-engine /app/.venv-engine
COPY src/temper_vllm /app/src/temper_vllm
WORKDIR /app
ENV PATH=/app/.venv-engine/bin:$PATH PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_CACHE_ROOT=/state/vllm VLLM_CONFIG_ROOT=/state/vllm
USER 10001
EXPOSE 8000
HEALTHCHECK --start-period=300s --interval=15s --timeout=5s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "temper_vllm.server", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--help"]
