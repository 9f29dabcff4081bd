#!/usr/bin/env bash
# What the report tests hold the machine formats against: the SARIF schema (npm @microsoft/jest-sarif), the JUnit
# schema (in the source of PyPI's pytest) and OCSF's classes (PyPI ocsf-json-schema).
set -euo pipefail
cd "$(dirname "$0")/../.."
into=target/report-tools
stamp=$(sha256sum scripts/test.d/report.sh)
[ "$(cat "$into/ready" 2>/dev/null)" = "$stamp" ] && exit 0
rm -rf "$into"
mkdir -p "$into"
python3 -m venv "$into/venv"
"$into/venv/bin/pip" --quiet install jsonschema==4.26.0 ocsf-json-schema==1.2.0 xmlschema==4.1.0
"$into/venv/bin/pip" --quiet download --no-deps --no-binary pytest --dest "$into" pytest==8.3.5
tar -xzf "$into"/pytest-8.3.5.tar.gz -C "$into" --strip-components=3 pytest-8.3.5/testing/example_scripts/junit-10.xsd
(cd "$into" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 >/dev/null)
tar -xzf "$into"/microsoft-jest-sarif-*.tgz -C "$into" --strip-components=3 package/lib/schemas/sarif-2.1.0-rtm.5.json
echo "$stamp" >"$into/ready"
