#!/usr/bin/env bash
# Asks a running server everything that its OpenAPI document allows, and much that it does not.
# Runs as `with-database tests/schemathesis.sh`, with overround and schemathesis on the PATH.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OVERROUND_ENVIRONMENT=development
# One user asks everything, as fast as it goes: an answer that says so tells nothing of the route.
export OVERROUND_LIMIT_READS_USER= OVERROUND_LIMIT_BETS_USER= OVERROUND_LIMIT_WRITES_USER=

# Markets, accounts and bets to ask for; otherwise nearly every answer is a 404.
overround simulate --matches 1 --players 3 --bets 30 --seed 1 --json >/dev/null
OVERROUND_TEST_TOKEN=$(overround token schemathesis --role player --role trader --role finance --role admin)
export OVERROUND_TEST_TOKEN

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
overround serve --listen "127.0.0.1:$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" || true; rm -f "$log"' EXIT

tries=600
until python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/health/ready', timeout=2)" 2>/dev/null; do
  if ! kill -0 "$server" 2>/dev/null || ((tries-- == 0)); then
    echo "the server did not get ready; it wrote:" && tail -n 30 "$log" && exit 1
  fi >&2
  sleep 0.1
done

schemathesis --config-file "$here/schemathesis.toml" --no-color run "http://127.0.0.1:$port/openapi.json" || {
  echo "the server's errors:" && grep -iE 'error|panic' "$log" | tail -n 20
  exit 1
} >&2
kill -0 "$server" || { echo "the server ended meanwhile" >&2 && exit 1; }
