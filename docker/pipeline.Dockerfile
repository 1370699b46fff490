# The pipeline, twice: `servers` runs Prefect and MLflow, `worker` runs flows and so holds the engine's environment too.
#   docker build -f docker/pipeline.Dockerfile --target servers .
#   docker build -f docker/pipeline.Dockerfile --target worker --build-context engine=docker-image://temper-engine .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG ENGINE=cpu
ENV UV_LINK_MODE=copy UV_CACHE_DIR=/cache/uv PIP_CACHE_DIR=/cache/pip PIP_ROOT_USER_ACTION=ignore
# Debian's security updates are wanted, not one version of a package.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile pyproject.toml README.md ./
COPY requirements requirements
COPY src/temper/__init__.py src/temper/__init__.py
# The same steps as on any machine; of our code only the version, so that a change of code installs nothing again.
RUN --mount=type=cache,target=/cache make pipeline ENGINE="${ENGINE}"

FROM ${BASE} AS servers
# git is what Prefect asks for the repository's name when it deploys.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home temper \
 && install --directory --owner temper /state
COPY --from=build /app/.venv /app/.venv
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 \
    PREFECT_HOME=/state/prefect PREFECT_SERVER_ANALYTICS_ENABLED=false \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false GX_ANALYTICS_ENABLED=false
USER 10001

FROM servers AS worker
USER 0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev libnuma1 \
 && rm -rf /var/lib/apt/lists/*
# `engine` is a build context, not a stage.
# hadolint ignore=DL3022
COPY --from=engine /app/.venv-engine /app/.venv-engine
COPY src src
COPY flows flows
COPY tasks tasks
COPY deployments deployments
COPY requirements requirements
COPY prefect.yaml pyproject.toml README.md ./
ENV TEMPER_ROOT=/app TEMPER_HOME=/state
USER 10001
ENTRYPOINT ["temper"]
CMD ["doctor"]
