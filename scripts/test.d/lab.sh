#!/usr/bin/env bash
# A live laboratory of one table: real servers, judged from a recording that was made just now.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 scripts/lab.d/index.py captures --check
skip() {
    if [ -n "${UNCHARTED_REQUIRE_ALL:-}" ]; then
        echo "expected to run the laboratory, found that it $1" >&2
        exit 1
    fi
    echo "skipped: the laboratory $1" >&2
    exit 0
}
[ "$(id -u)" = 0 ] || skip "needs root"
if ! ip netns add "uncharted-try-$$" 2>/dev/null; then skip "may not make network namespaces"; fi
ip netns del "uncharted-try-$$"
cargo build --quiet
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# Real servers on a busy machine may be late once; what is wrong is wrong twice.
scripts/lab gvp-reporting-server --install --out "$out" --hold target/debug/uncharted ||
    scripts/lab gvp-reporting-server --install --out "$out" --hold target/debug/uncharted
