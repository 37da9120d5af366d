# The stock image: `electorate run` on Node, without a shell or a package manager. Your own image with the handlers in it:
#   FROM electorate:0.1.0
#   COPY handlers.js /app/handlers.js
# Another base must have Node at /nodejs/bin/node, or say where it is.
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build
# A list of what the program needs, and nothing left but that.
RUN npm sbom --omit=dev --sbom-format spdx > sbom.spdx.json && npm prune --omit=dev

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="electorate" \
      org.opencontainers.image.description="A Kubernetes controller that scales out, with a Lease per shard" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
# Nothing here is the program's to change: it runs as somebody else, on a root that may be read-only.
COPY --from=build /app/package.json /app/sbom.spdx.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE ./
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8080
# Node gets the signals itself; no shell stands between it and the kubelet.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]
CMD ["run", "--config", "/app/config/electorate.yaml"]
