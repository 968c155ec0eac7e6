#!/usr/bin/env bash
# Starts the real server on a free port with the sample knowledge base and drives it with headless Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
root="$PWD"
bin="$root/target/release/sumeru"
data="${SUMERU_TEST_DATA:-$root/.cache/test-data}"
port=$(python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])')
# Tasks, labelled rows and decisions are written to the folder that the server is started in.
folder=$(mktemp -d)
"$bin" ingest --data "$data" --kb sample examples/sample-kb
(cd "$folder" && exec "$bin" serve --data "$data" --port "$port") >"$data/e2e-server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do curl -fs "http://127.0.0.1:$port/healthz" >/dev/null && break; sleep 0.1; done
(cd web && SUMERU_URL="http://127.0.0.1:$port" ../scripts/with-node npm run e2e)
