# One image for every service of the server; which one runs is the command: telekol ingest, ...
# Everything is installed by hash: the tools that make the wheel, and what the services need.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
# Dependencies first: they change less often than the code, and this layer is then kept.
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
RUN python -m venv /opt/telekol && /opt/telekol/bin/pip install --require-hashes -r requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY telekol telekol
COPY gateway gateway
COPY ingest ingest
COPY alerts alerts
COPY clinician_api clinician_api
COPY device_sim device_sim
COPY migrations migrations
# No build isolation: it would fetch the newest hatchling, unpinned.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/telekol/bin/pip install --no-deps /wheels/*.whl

FROM python:3.12-slim
# A fixed number, so that a volume written by one version can be read by the next.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin telekol \
    && install --directory --owner telekol --group telekol --mode 0700 /var/lib/telekol
COPY --from=build /opt/telekol /opt/telekol
ENV PATH="/opt/telekol/bin:$PATH" PYTHONUNBUFFERED=1
USER telekol
ENTRYPOINT ["telekol"]
CMD ["--help"]
