#!/bin/sh
# Prints .env.example with each empty value made by the command behind it: sh deploy/env.sh > .env
set -eu
umask 077
command -v openssl >/dev/null || { echo "openssl makes the secrets; install it (Debian: apt-get install openssl)" >&2; exit 1; }
while IFS= read -r line; do
  case $line in
    [A-Z]*=*"# "*) printf '%s%s\n' "${line%%=*}=" "$(sh -c "${line#*# }")" ;;
    *) printf '%s\n' "$line" ;;
  esac
done < "$(dirname "$0")/../.env.example"
