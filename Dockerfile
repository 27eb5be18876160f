# One member of a Manifest cluster. See docs/containers.md.
#
#   docker build -t chora-manifest .
#
# Where packages come from a mirror, hand in your package manager's configuration. Only stages that do not ship see it, but
# they stay in this machine's build cache:
#   docker build --build-arg NPMRC="$(cat ~/.npmrc)" -t chora-manifest .

ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
ARG NPMRC=
RUN printf '%s\n' "$NPMRC" > /root/.npmrc && npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
ARG NPMRC=
RUN printf '%s\n' "$NPMRC" > /root/.npmrc && npm ci --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="chora-manifest" \
      org.opencontainers.image.description="A strongly consistent service registry" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    MANIFEST_HOST=0.0.0.0 \
    MANIFEST_DATA_DIR=/var/lib/manifest
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY proto ./proto
RUN mkdir -p /var/lib/manifest && chown node:node /var/lib/manifest
USER node
VOLUME /var/lib/manifest
# REST, gRPC, and peers. Keep the last one on a private network.
EXPOSE 8500 8502 8503
# Alive, not ready: a member that waits for a majority must not be restarted for it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MANIFEST_REST_PORT || 8500}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
