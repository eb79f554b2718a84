# Debian and Ubuntu packages: installed for root, else named. Sourced by the other scripts.
# shellcheck shell=bash

# Packages of the list that are not installed, one a line. Nothing where there is no dpkg.
missing_packages() {
  command -v dpkg-query >/dev/null || return 0
  local package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      echo "$package"
  done
}

# ensure_packages PACKAGE...   Installs what is missing as root; else says what to run, and fails.
ensure_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    {
      echo "missing packages: ${missing[*]}"
      echo "install them, then start this again:"
      echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}"
    } >&2
    return 1
  fi
  echo "  installing: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get failed; its last lines are above, all of it in $log" >&2
    return 1
  fi
  rm -f "$log"
}
