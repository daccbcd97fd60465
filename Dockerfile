# The image of cambist: one program, the four shared objects of its C library, the certificate authorities, and nothing else. No shell, no
# package manager, no root. deploy/rootfs.sh lays it out; docs/operations.md says how to run it.
#
# Another source of the toolchain: --build-arg RUST_IMAGE=registry.example.com/rust:1-slim-bookworm
ARG RUST_IMAGE=docker.io/library/rust:1-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY scripts/install-deps.sh scripts/
RUN scripts/install-deps.sh build
COPY Cargo.toml Cargo.lock ./
COPY src/ src/
# Compiled into the binary.
COPY config/presets/ config/presets/
COPY docs/errors.md docs/
COPY deploy/rootfs.sh deploy/
# The caches outlive the step, so what it makes leaves it by another way. --bin: tests and benchmarks are not here.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin cambist && deploy/rootfs.sh target/release/cambist /out

FROM scratch
LABEL org.opencontainers.image.title="cambist" \
      org.opencontainers.image.description="Exchanges a workload's OIDC token for a short-lived token that opens exactly one door" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/root/ /
# Brings the folder `cambist` with it, so that a new volume at /var/lib/cambist belongs to the server.
COPY --from=build --chown=65532:65532 /out/state/ /var/lib/
# By number: Kubernetes' runAsNonRoot cannot tell what a name is.
USER 65532:65532
ENTRYPOINT ["/usr/bin/cambist"]
CMD ["serve", "--config", "/etc/cambist/cambist.toml"]
