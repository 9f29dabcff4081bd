#!/usr/bin/env bash
# Holds the deployment files to validators: systemd's own, and Kubernetes' schemas (PyPI kubernetes-validate).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The binary need not be installed for the unit to be sound.
sed 's#/usr/local/bin/uncharted watch#/bin/true watch#' "$root/scripts/deploy/uncharted.service" >"$work/uncharted.service"
systemd-analyze verify "$work/uncharted.service"
venv=$root/target/venv-watch
[ -x "$venv/bin/kubernetes-validate" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q kubernetes-validate==1.31.0; }
"$venv/bin/kubernetes-validate" --strict "$root/scripts/deploy/daemonset.yaml"
