#!/usr/bin/env bash
# The configuration of one side of an installed Accord, cut from the commented
# sample: packaging/settings.sh gateway|agent <config.toml
exec go run ./packaging/settings "$@"
