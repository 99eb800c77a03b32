# shellcheck shell=bash
# What the test scripts share. Sourced with the checkout as the current folder.

passed=0 failed=0

ok() {
  echo "ok      $1"
  passed=$((passed + 1))
}

# not_ok TITLE WHAT-WAS-SEEN
not_ok() {
  printf 'FAILED  %s\n        %s\n' "$1" "${2//$'\n'/$'\n'        }"
  failed=$((failed + 1))
}

# closing: the runner's last line; fails if a test has failed.
closing() {
  printf '\n%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "waited in vain for $what" >&2
      return 1
    fi
    sleep 0.1
  done
}

gone() {
  ! kill -0 "$1" 2>/dev/null
}

# A port on which nothing listens, below those the system hands out itself.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}
