#!/bin/sh
# Makes requirements.lock anew, with the hash of each file: what leadsync needs, also for notices and metrics, and what its
# wheel is built with.
# Needs pip-tools. No address of an index gets into it, so that it can be used with whichever one you trust.
set -eu
cd "$(dirname "$0")/.."
CUSTOM_COMPILE_COMMAND=deploy/lock.sh pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
    --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --build-deps-for wheel \
    --extra metrics --extra notify \
    --output-file deploy/requirements.lock pyproject.toml
