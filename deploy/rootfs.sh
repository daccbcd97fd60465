#!/usr/bin/env bash
# Lays out the whole root file system of the image: `rootfs.sh BINARY OUT` writes OUT/root, which becomes `/`, and OUT/state, which
# becomes `/var/lib` and belongs to the server's user. The Dockerfile and the tests both run this, so what is tested is what is shipped.
set -euo pipefail
umask 022 # whoever runs this, everybody may read the result

readonly user=65532 # no user of any distribution; see `user:` of docker-compose.yml
readonly roots=/etc/ssl/certs/ca-certificates.crt

if (($# != 2)); then
    echo 'usage: rootfs.sh BINARY OUT' >&2
    exit 2
fi
binary=$1 root=$2/root state=$2/state

fail() {
    echo "rootfs: $*" >&2
    exit 1
}

[[ -x $binary ]] || fail "there is no program $binary"
[[ -s $roots ]] || fail "there is no $roots, and without it no public issuer can be trusted; install ca-certificates"

# The C library stays dynamic: a static one cannot look up names without its own shared parts. What the loader would load is copied to
# where it looks by itself, without a cache. Everything else is in the binary; a new library here is a change to look at.
libraries() {
    ldd "$binary" | awk '
        $2 == "=>" && $3 == "not" { print "missing " $1 > "/dev/stderr"; exit 1 }
        $2 == "=>" { print $3 }
        $1 ~ /^\// { print $1 }'
}
found=$(libraries) || fail "$binary needs libraries that this machine lacks"
for library in $found; do
    case ${library##*/} in
        ld-linux*.so.* | libc.so.6 | libm.so.6 | libgcc_s.so.1) install -D -m 0755 "$library" "$root$library" ;;
        *) fail "$binary needs $library: link it statically, or name it here" ;;
    esac
done

install -D -m 0755 "$binary" "$root/usr/bin/cambist"
install -D -m 0644 "$roots" "$root$roots"
install -d -m 0755 "$root/etc/cambist" "$root/var/lib"
# /etc/hosts and /etc/resolv.conf are the container engine's. Without this file glibc asks the DNS before it looks into the first.
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo "cambist:x:$user:$user:cambist:/var/lib/cambist:/sbin/nologin" > "$root/etc/passwd"
echo "cambist:x:$user:" > "$root/etc/group"
chmod 0644 "$root/etc/nsswitch.conf" "$root/etc/passwd" "$root/etc/group"
install -d -m 0700 "$state/cambist"
