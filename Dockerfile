# One image for every process of Wayproof; docker-compose.yml says which command each service runs.
FROM node:24-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM python:3.13-slim-bookworm
WORKDIR /opt/wayproof
COPY requirements/run.txt requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/run.txt
COPY . .
COPY --from=assets /src/node_modules/ node_modules/
RUN python web/build.py && rm -rf node_modules \
 && pip install --no-cache-dir --no-deps --no-build-isolation . \
 && useradd --system --uid 1883 wayproof \
 && install --directory --owner=1883 --mode=0750 /broker /log-key
USER 1883
ENTRYPOINT ["wayproof"]
