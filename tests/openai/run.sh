#!/usr/bin/env bash
# The official OpenAI clients (Python, npm), LangChain, `llm` and the Vercel AI SDK against the real server.
# Usage: tests/openai/run.sh [pytest arguments]. With arguments only pytest runs, and only what they pick.
# Needs `make models`. SUMERU_TEST_DATA: the data directory; it gets the knowledge base `sample`.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$PWD/target/release/sumeru
data="${SUMERU_TEST_DATA:-$PWD/.cache/test-data}"
venv=.cache/openai-venv
here=tests/openai
step=scripts/step

[ -x "$bin" ] || { echo "$bin is missing: run 'make build' first." >&2; exit 1; }
for model in smollm2-135m-instruct qwen2.5-coder-0.5b-instruct multilingual-e5-small; do
  "$bin" --data "$data" models show "$model" 2>/dev/null | grep -q installed ||
    { echo "$model is not in $data/models: run 'make models' first." >&2; exit 1; }
done

# Remade only when the pins change.
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  $step "Python clients"
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi

work=$(mktemp -d)
servers=()
finish() {
  local code=$?
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  for server in "${servers[@]}"; do wait "$server" 2>/dev/null || true; done
  if [ "$code" -ne 0 ]; then
    for log in "$work"/*.err; do [ -s "$log" ] && { echo "--- the end of $(basename "$log" .err)'s log"; tail -n 20 "$log"; }; done
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT

# start NAME DATA [OPTION...]: sets url to where it listens. Port 0 takes a free one, so that nothing can come between.
start() {
  local name=$1 folder=$2
  shift 2
  "$bin" serve --data "$folder" --port 0 --json "$@" >"$work/$name.out" 2>"$work/$name.err" &
  local server=$!
  servers+=("$server")
  for _ in $(seq 200); do
    url=$(grep -oE 'http://[0-9.]+:[0-9]+' "$work/$name.out" | head -n 1 || true)
    if [ -n "$url" ] && curl -fs "$url/healthz" >/dev/null; then
      echo "$name: $url"
      return
    fi
    kill -0 "$server" 2>/dev/null || { echo "the server ended before it was ready" >&2; exit 1; }
    sleep 0.1
  done
  echo "the server was not ready within 20 s" >&2
  exit 1
}

$step "sample knowledge base"
"$bin" ingest --data "$data" --kb sample examples/sample-kb
$step "servers"
start server "$data"
export SUMERU_URL=$url SUMERU_SERVER_PID=${servers[0]}
# A data directory has one writer, so the guarded server gets its own, with the same models.
mkdir "$work/guarded"
ln -s "$data/models" "$work/guarded/models"
export SUMERU_GUARDED_KEY=sk-test-0123456789
start guarded "$work/guarded" --api-key "$SUMERU_GUARDED_KEY"
export SUMERU_GUARDED_URL=$url

$step "Python: openai, LangChain, llm"
failed=0
"$venv/bin/python" -m pytest -q -ra --durations=8 -p no:cacheprovider "$here" "$@" || failed=$?
[ $# -eq 0 ] || exit "$failed"

$step "Node: openai, Vercel AI SDK"
cd "$here/node"
with_node=../../../scripts/with-node
cmp -s package-lock.json node_modules/.package-lock.copy || {
  $with_node npm ci --no-audit --no-fund --silent
  cp package-lock.json node_modules/.package-lock.copy
}
$with_node node --test || failed=$?
exit "$failed"
