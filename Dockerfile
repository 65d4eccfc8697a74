# syntax=docker/dockerfile:1
# One image for the proxy, the ETL and every other command: docker build -t relay .
# Two paths must be writable: /var/lib/relay (a volume) and /tmp (a tmpfs). The root file system may be read-only.

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore UV_NO_CACHE=1 UV_SYSTEM_CERTS=1
WORKDIR /src
RUN pip install uv==0.13.9
COPY pyproject.toml uv.lock ./
# Runtime and build dependencies are installed from the lock, with hashes.
RUN uv export --quiet --frozen --no-dev --extra reports --extra etl --extra langfuse --no-emit-project --output-file /tmp/run.txt \
 && uv export --quiet --frozen --only-dev --no-emit-project --output-file /tmp/build.txt \
 && python -m venv --without-pip /opt/relay \
 && pip --python /opt/relay/bin/python install --no-deps --require-hashes --only-binary :all: --requirement /tmp/run.txt
COPY . .
RUN uv build --quiet --wheel --build-constraints /tmp/build.txt --require-hashes --out-dir /tmp/dist \
 && pip --python /opt/relay/bin/python install --no-deps /tmp/dist/*.whl

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1
# Remove the package installers of the base image: nothing is installed at run time.
RUN pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
 && rm -rf /usr/local/lib/python3.11/ensurepip \
 && groupadd --gid 10001 relay \
 && useradd --uid 10001 --gid relay --home-dir /var/lib/relay --shell /usr/sbin/nologin relay \
 && install --directory --owner relay --group relay --mode 0750 \
      /var/lib/relay /var/lib/relay/logs /var/lib/relay/keys \
 && install --directory --owner relay --group relay --mode 0755 /var/lib/relay-metrics
COPY --from=build /opt/relay /opt/relay
ENV PATH=/opt/relay/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    RELAY_SERVER__HOST=0.0.0.0 RELAY_LOG_DIR=/var/lib/relay/logs RELAY_KEYS__FILE=/var/lib/relay/keys/keys.yaml
WORKDIR /var/lib/relay
USER 10001:10001
EXPOSE 8000
# On SIGTERM, requests in progress end within server.drain_seconds and the segment is sealed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('RELAY_SERVER__PORT', '8000')}/healthz\", timeout=2)"]
ENTRYPOINT ["relayctl"]
CMD ["serve"]
