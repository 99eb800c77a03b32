# shellcheck shell=bash
# What the cases share. Each case sources it first; it makes the checkout the current folder.

set -eEuo pipefail
# A command that fails without a word is named.
trap 'echo "line $LINENO ended with $?: $BASH_COMMAND" >&2' ERR
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source .ci/lib.sh

namespace=${E2E_NAMESPACE:-campus}
# Where a run keeps its logs and figures.
out=${E2E_OUT:-${CARGO_TARGET_DIR:-target}/e2e}
mkdir -p "$out"
services=(employee student addressbook gateway)

background=()
dir=$(mktemp -d)
clean_up() {
  local pid
  for pid in ${background[@]+"${background[@]}"}; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean_up EXIT

k() {
  kubectl --namespace "$namespace" "$@"
}

# fails WHAT...: ends the case.
fails() {
  echo "$*" >&2
  exit 1
}

# has TEXT PART...: TEXT holds each part, white space aside.
has() {
  local text part
  text=$(tr -d '[:space:]' <<<"$1")
  shift
  for part; do [[ $text == *"$(tr -d '[:space:]' <<<"$part")"* ]] || fails "no $part in: $text"; done
}

# figure NAME VALUE: kept for the tables, and told.
figure() {
  printf '%s\t%s\n' "$1" "$2" >>"$out/figures.tsv"
  printf '  %-44s %s\n' "$1" "$2"
}

# install ARGS...: the one line of README.md, with further arguments.
install() {
  local line
  line=$(grep -E '^helm install campus ' README.md) || fails "README.md has no helm install"
  line=${line/--namespace campus/--namespace $namespace}
  # shellcheck disable=SC2086
  helm_quietly ${line#helm } "$@"
}

# Helm remarks on the links between charts.
helm_quietly() {
  helm "$@" 2> >(grep -v 'found symbolic link' >&2)
}

upgrade() {
  helm_quietly upgrade campus helm/campus --namespace "$namespace" --reuse-values --wait --timeout 180s "$@" >/dev/null
}

everything_is_ready() {
  k wait --for=condition=Available deployment -l app.kubernetes.io/instance=campus --timeout="${1:-120}s" >/dev/null
}

# Pods of the release that run or end, without those of tests.
pods() {
  k get pods -l "app.kubernetes.io/instance=campus,app.kubernetes.io/component!=test" -o name
}

terminating() {
  k get pods -o go-template='{{range .items}}{{if .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}'
}

no_pod_is_ending() {
  [ -z "$(terminating)" ]
}

# forward SERVICE REMOTE-PORT: sets "local" to an address of this machine that leads there.
forward() {
  local port
  port=$(free_port)
  k port-forward "service/$1" "$port:$2" >"$dir/forward-$port" 2>&1 &
  background+=($!)
  wait_for 20 "a port-forward to $1" grep -q Forwarding "$dir/forward-$port" || { cat "$dir/forward-$port" >&2; exit 1; }
  local=127.0.0.1:$port
}

target() {
  echo "dns:///campus-$1-headless.$namespace.svc.cluster.local.:50051"
}

# load_begin NAME ARGS...: calls from a pod of the cluster, until load_end.
load_begin() {
  local name=load-$1
  shift
  load_log=$out/$name.log
  k delete pod "$name" --ignore-not-found --wait >/dev/null
  python3 -c 'import json, sys
image, name, *args = sys.argv[1:]
print(json.dumps({
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "load"}},
    "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "load", "image": image, "args": args, "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        }]}}))' "${E2E_LOAD_IMAGE:?}" "$name" "$@" | k create -f - >/dev/null
  k wait --for=condition=Ready "pod/$name" --timeout=60s >/dev/null
  k logs -f "$name" >"$load_log" 2>&1 &
  background+=($!)
  load_pod=$name
  wait_for 30 "the first calls" load_has 1 || fails "$(tail -n 5 "$load_log")"
}

# load_sum KEY: calls or lost, of all targets.
load_sum() {
  python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{\"") and line.endswith("}\n") and "\"lost\":\"" not in line]
if not lines or "error" in lines[-1]: sys.exit(f"the load has ended: {lines[-1:]}")
print(sum(counts[sys.argv[2]] for counts in lines[-1].values() if isinstance(counts, dict)))' "$load_log" "$1"
}

load_has() {
  [ "$(load_sum calls 2>/dev/null || echo 0)" -ge "$1" ]
}

# load_end: the last counts are in $load_log, and in $calls and $lost.
load_end() {
  load_has "$(($(load_sum calls) + 1))" || wait_for 10 "the last counts" load_has "$(($(load_sum calls) + 1))"
  calls=$(load_sum calls) lost=$(load_sum lost)
  k delete pod "$load_pod" --wait >/dev/null
}

# load_lost_nothing NAME: counts, kept, and the case fails if a call was lost.
load_lost_nothing() {
  load_end
  figure "$1: calls" "$calls"
  figure "$1: lost" "$lost"
  [ "$lost" -eq 0 ] || fails "$lost of $calls calls were lost: $(grep -m 5 '"lost":"' "$load_log")"
}
