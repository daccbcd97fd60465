#!/usr/bin/env bash
# Starts docker-compose.yml and tries what two nodes on one Redis promise: a token exchanged at one is refused by both, however it is
# raced, whichever node or store is killed. Leaves everything running. Takes about a minute; the image is built first, which takes longer.
#
# CAMBIST_COMPOSE   what to run instead of `docker compose`
# CAMBIST_SECRETS   where its secrets are, if not in deploy/secrets
set -euo pipefail
cd "$(dirname "$0")/.."
read -ra compose <<< "${CAMBIST_COMPOSE:-docker compose}"

readonly a=http://127.0.0.1:8080 b=http://127.0.0.1:8081 issuer=http://127.0.0.1:9100
readonly patience=90 # seconds; a fence is up for less than 20

fail() {
    echo "compose-smoke: FAILED: $*" >&2
    echo "compose-smoke: see: ${compose[*]} logs" >&2
    exit 1
}

say() {
    echo "compose-smoke: $*"
}

# curl, where the nodes are.
client() {
    "${compose[@]}" run --rm --no-deps -T client --silent --max-time 20 "$@"
}

# mint [REF]: a token that nobody has shown yet.
mint() {
    client "$issuer/mint?preset=github-actions" --data "{\"ref\":\"${1:-refs/heads/release-1.2}\"}"
}

# exchange TOKEN URL…: the answers of all of them, asked at once; after a body a line with its status.
exchange() {
    local token=$1 url targets=()
    shift
    (($# == 1)) || targets=(--parallel --parallel-immediate --no-progress-meter)
    for url in "$@"; do targets+=("$url/token"); done
    client --write-out '\n%{http_code}\n' \
        --data grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
        --data subject_token_type=urn:ietf:params:oauth:token-type:id_token --data "subject_token=$token" \
        --data audience=https://deploy.example.com --data scope=deploy:web "${targets[@]}"
}

# refused REASON ANSWER WHAT
refused() {
    [[ $2 == *"rejected: $1;"* || $2 == *"denied: $1;"* ]] || fail "$3: expected $1, but the answer is: $2"
    say "ok: $3: $1"
}

# issued ANSWER WHAT
issued() {
    [[ $1 == *'"access_token":'* ]] || fail "$2: the answer is: $1"
    say "ok: $2: issued"
}

# exchanges_again URL WHAT: new tokens, until one is exchanged. Leaves it in `spent`.
exchanges_again() {
    local end=$((SECONDS + patience)) answer=''
    while ((SECONDS < end)); do
        spent=$(mint)
        answer=$(exchange "$spent" "$1") || true
        if [[ $answer == *'"access_token":'* ]]; then
            say "ok: $2"
            return
        fi
        # Only these three pass by themselves.
        [[ -z $answer || $answer == *": fenced;"* || $answer == *$'\n503'* ]] || fail "$2: the answer is: $answer"
        sleep 1
    done
    fail "$2: not within $patience s; the last answer is: $answer"
}

start() {
    deploy/compose/prepare.sh ${CAMBIST_SECRETS:+"$CAMBIST_SECRETS"}
    # All services of ours are one image.
    "${compose[@]}" build issuer
    "${compose[@]}" up --detach --wait redis
    local said
    if said=$("${compose[@]}" run --rm -T init 2>&1); then
        say "the store was initialised: ${said##*$'\n'}"
    elif [[ $said != *'initialised already'* ]]; then
        fail "the store cannot be initialised: $said"
    fi
    "${compose[@]}" up --detach --wait
}

start
spent=''
exchanges_again "$a" "a token is exchanged at node a, once the fence of a new store is down"
refused replayed "$(exchange "$spent" "$b")" "the same token at node b"
refused replayed "$(exchange "$spent" "$a")" "the same token at node a"

token=$(mint)
answers=$(exchange "$token" "$a" "$b" "$a" "$b" "$a" "$b" "$a" "$b" "$a" "$b")
won=$(grep -o '"access_token":' <<< "$answers" | wc -l)
lost=$(grep -o 'rejected: replayed;' <<< "$answers" | wc -l)
[[ $won == 1 && $lost == 9 ]] || fail "one token posted ten times at once: $won were exchanged and $lost replayed: $answers"
say "ok: one token posted ten times at once to both nodes: exchanged once, refused nine times"

refused 'condition_failed (claims ref)' "$(exchange "$(mint refs/heads/feature-x)" "$b")" "a token of a feature branch"
keys=$(client "$a/keys")
[[ $keys == *'"kid"'* && $keys == "$(client "$b/keys")" ]] || fail "the nodes do not publish the same keys: $keys"
say "ok: both nodes publish the same keys"

token=$(mint)
issued "$(exchange "$token" "$a")" "another token at node a"
"${compose[@]}" kill node-a
refused replayed "$(exchange "$token" "$b")" "that token at node b, after node a was killed"
issued "$(exchange "$(mint)" "$b")" "a new token at node b"
"${compose[@]}" up --detach --wait node-a
refused replayed "$(exchange "$token" "$a")" "that token at node a, when it is back"

"${compose[@]}" kill redis
answer=$(exchange "$(mint)" "$a")
[[ $answer == *'unavailable: store_unavailable;'* && $answer == *$'\n503'* ]] || fail "without Redis the answer is: $answer"
say "ok: without Redis: store_unavailable"
"${compose[@]}" up --detach --wait redis
exchanges_again "$b" "a new token is exchanged at node b, once Redis is back and the fence is down"
answer=$(exchange "$token" "$a" "$b")
[[ $answer != *'"access_token":'* ]] || fail "a token from before Redis was killed was exchanged twice"
say "ok: a token from before Redis was killed is refused by both nodes"
say "everything holds; it is running. To end it: ${compose[*]} down --volumes"
