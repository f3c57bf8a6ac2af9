# One image for all roles: docker run hivepulse worker | api | scheduler | migrate, or any command of the command line (doctor, stats, …).
# Targets: runtime (the last one, what production runs) and local-supabase (compose only: @supabase/lite in front of Postgres).
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-slim AS base
ENV NODE_ENV=production
WORKDIR /app
# An init as process 1: it hands signals on and takes in orphans.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/*

# Compiles. No package's install script is run here or below: none is needed, the image brings Node, and what is native comes prebuilt in packages.
FROM node:${NODE_VERSION}-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY lib ./lib
COPY workers ./workers
COPY schedulers ./schedulers
COPY api ./api
COPY start ./start
COPY cli ./cli
COPY supabase ./supabase
RUN node scripts/build.ts --no-check && find dist -name '*.d.ts' -delete

FROM node:${NODE_VERSION}-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY deploy/image/prune.sh /prune.sh
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=peer --ignore-scripts --no-audit --no-fund \
  && sh /prune.sh node_modules
# The bill of materials, from the lock file.
RUN npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx > sbom.cdx.json

# @supabase/lite, its driver and the little else that its server loads, at the versions of the lock file.
FROM node:${NODE_VERSION}-slim AS lite-packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY deploy/image/prune.sh deploy/image/local-supabase-packages.mjs /
RUN --mount=type=cache,target=/root/.npm node /local-supabase-packages.mjs \
  && npm install --omit=dev --omit=peer --ignore-scripts --no-audit --no-fund \
  && sh /prune.sh node_modules

FROM base AS app
COPY --chown=root:root deploy/image/entrypoint.sh /usr/local/bin/hivepulse
COPY package.json ./
COPY cli/hivepulse.js ./cli/hivepulse.js
COPY --from=build /app/dist ./dist
# What documents are kept in where there is no Supabase Storage; a volume mounted there takes over the owner.
RUN mkdir -p /data/files && chown -R node:node /data
USER node
ENV PORT=3000 WORKER_PORT=9464 HIVEPULSE_DATA_DIR=/data
EXPOSE 3000 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 CMD ["hivepulse", "healthy"]
# Longer than SHUTDOWN_TIMEOUT_MS: give it at least 45 s (docker stop --time 45).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "hivepulse"]
CMD ["worker"]

FROM app AS local-supabase
COPY --from=lite-packages /app/node_modules ./node_modules
CMD ["local-supabase"]

FROM app AS runtime
COPY --from=packages /app/sbom.cdx.json ./
COPY --from=packages /app/node_modules ./node_modules
