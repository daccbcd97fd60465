#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml: `prepare.sh [DIRECTORY]` (default: deploy/secrets). Secrets that are there are kept; the rights
# of the Redis user are written anew, so that they follow deploy/redis/users.acl.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
secrets=${1:-$here/../secrets}

# `secret FILE NAME`: 32 random bytes, base64url, as an environment file that only this user can read.
secret() {
    [[ ! -e $secrets/$1 ]] || return 0
    local value
    value=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
    (umask 077 && printf '%s=%s\n' "$2" "$value" > "$secrets/$1.new")
    mv "$secrets/$1.new" "$secrets/$1"
    echo "prepare: made $secrets/$1"
}

mkdir -p "$secrets"
chmod 0700 "$secrets"
secret redis.env CAMBIST_REDIS_PASSWORD
secret keys.env CAMBIST_ENCRYPTION_KEY

password=$(cut -d= -f2- "$secrets/redis.env")
digest=$(printf %s "$password" | sha256sum | cut -d' ' -f1)
sed "s/<password-sha256>/$digest/" "$here/../redis/users.acl" > "$secrets/users.acl.new"
# Redis runs as a user of its own and must read it. It holds a digest of 256 random bits: nobody guesses those.
chmod 0644 "$secrets/users.acl.new"
mv "$secrets/users.acl.new" "$secrets/users.acl"
