# Two stages: the first builds plain JavaScript, the second runs it without compiler, dev dependencies or root.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# Files keep the modes of the clone, which another user may not be allowed to read.
RUN npm run build && npm prune --omit=dev && chmod -R a+rX package.json LICENSE bin fixtures/demo

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/bin ./bin
COPY --from=build /build/dist ./dist
COPY --from=build /build/fixtures/demo ./fixtures/demo
# ./data is where the gateway writes unless it is told another place; a volume takes over the owner.
RUN mkdir data && chown node:node data
USER node
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1 and gets SIGTERM: live calls end in peace before the container does. Give them the time:
# docker stop waits 10 s unless told otherwise (--timeout 660; compose.yaml says it).
STOPSIGNAL SIGTERM
CMD ["node", "bin/landline.js", "serve"]
