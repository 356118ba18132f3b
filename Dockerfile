# The image of one node: `docker compose up --build --wait` runs three of them.
# Another base: docker build --build-arg PYTHON_IMAGE=python:3.13-slim .
# Compiled, from a base that has a C compiler:
#   docker build --build-arg BUILD_IMAGE=python:3.11 --build-arg COORDSVC_COMPILE=1 .
ARG PYTHON_IMAGE=python:3.11-slim
ARG BUILD_IMAGE=${PYTHON_IMAGE}

FROM ${BUILD_IMAGE} AS build
ARG COORDSVC_COMPILE=0
RUN python3 -m venv /opt/coordsvc
WORKDIR /src
# The dependencies change less often than the program: they have a layer of their own.
COPY pyproject.toml ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > dependencies.txt \
    && /opt/coordsvc/bin/pip install -r dependencies.txt
COPY README.md LICENSE ./
COPY client client
COPY coordsvc coordsvc
COPY deploy/compile.py deploy/typical_load.py deploy/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/coordsvc/bin/pip install --no-deps .

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="coordsvc" \
      org.opencontainers.image.description="A coordination service: locks, sessions, watches and small files, replicated by Raft." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/coordsvc /opt/coordsvc
ENV PATH=/opt/coordsvc/bin:$PATH \
    COORDSVC_DATA_DIR=/var/lib/coordsvc
# A number, so that Kubernetes can see that it is not root. A new volume takes its owner from here.
RUN mkdir -p /var/lib/coordsvc && chown 10001:10001 /var/lib/coordsvc && chmod 700 /var/lib/coordsvc
USER 10001:10001
WORKDIR /var/lib/coordsvc
VOLUME /var/lib/coordsvc
# Clients, other nodes, HTTP.
EXPOSE 2181 2281 8181
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-m", "coordsvc.healthcheck"]
ENTRYPOINT ["coordsvc"]
CMD ["serve"]
