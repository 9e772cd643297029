#!/usr/bin/env bash
# A Docker engine with Compose and the stack's base image, for the tests: what is there is used, the rest is made.
#
#   tests/stack/daemon.sh [arm64]    exit 0 when `docker compose` works afterwards; 3 with one line when it cannot
#   tests/stack/daemon.sh stop       ends the engine that it started, if it did, with all that this made
#
# On a machine with Docker it does nothing but pull the base image. On a bare Debian as root it unpacks an engine from
# Debian's packages into .cache/docker (nothing is installed but runc, iptables and mmdebstrap) and starts it, with its
# data in there too. Where no image registry can be reached, the base image is made from Debian's packages under the same
# name, labelled `local.stand-in`, with this machine's certificates in it: never publish what is built on it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
check_arguments "" 1 "$@"
case ${1:-} in '' | arm64 | stop) ;; *) misuse "the argument $1" ;; esac

ENGINE_SUITE=forky          # Debian's testing suite: the first with an engine and buildx that Compose 5 accepts
BASE=debian:bookworm-slim
CACHE=$PWD/.cache/docker
PIDFILE=$CACHE/dockerd.pid  # there while an engine of ours runs
LOCAL_CA=/usr/local/share/ca-certificates   # what this machine trusts besides Debian's list

. tests/stack/docker.env

cannot() { echo "No Docker for the stack's tests: $1" >&2; exit 3; }

# apt_of SUITE COMMAND...: apt-get for another suite of Debian, without touching this machine's lists
apt_of() {
    local dir=$CACHE/apt-$1; shift
    apt-get -qq -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root \
        -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# fetch_debs PACKAGE...: Debian packages of the engine's suite, into $CACHE/debs
fetch_debs() {
    local dir=$CACHE/apt-$ENGINE_SUITE mirror
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$CACHE/debs"
    mirror=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $ENGINE_SUITE main" >"$dir/sources.list"
    compgen -G "$dir/lists/*Packages*" >/dev/null || apt_of "$ENGINE_SUITE" update || cannot "Debian's packages are out of reach"
    (cd "$CACHE/debs" && apt_of "$ENGINE_SUITE" download "$@") || cannot "Debian's packages $* cannot be fetched"
}

install_debs() {
    local wanted=()
    for program in "$@"; do command -v "${program%%=*}" >/dev/null || wanted+=("${program##*=}"); done
    [ ${#wanted[@]} = 0 ] && return
    apt-get -qq update || cannot "Debian's packages are out of reach"
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${wanted[@]}" >/dev/null ||
        cannot "${wanted[*]} cannot be installed"
}

engine() {
    docker info >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || cannot "the daemon does not answer, and only root can start one"
    if [ ! -x "$CACHE/bin/dockerd" ]; then
        install_debs runc=runc iptables=iptables
        fetch_debs docker.io docker-cli containerd
        mkdir -p "$CACHE/bin"
        for deb in "$CACHE"/debs/{docker.io,docker-cli,containerd}_*.deb; do dpkg-deb -x "$deb" "$CACHE/root"; done
        ln -sf "$CACHE"/root/usr/bin/* "$CACHE"/root/usr/sbin/dockerd "$CACHE"/root/usr/sbin/docker-proxy "$CACHE/bin/"
    fi
    setsid nohup "$CACHE/bin/dockerd" --pidfile "$PIDFILE" --data-root "$CACHE/data" --exec-root "$CACHE/run" \
        >"$CACHE/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 60); do docker info >/dev/null 2>&1 && return; sleep 0.5; done
    cannot "the daemon did not come up ($CACHE/dockerd.log)"
}

# Ends our engine and waits for it; the images stay in .cache, for the next time.
stop() {
    [ -e "$PIDFILE" ] || return 0
    local pid
    pid=$(cat "$PIDFILE")
    docker ps --all --quiet | xargs -r docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    ip link delete docker0 2>/dev/null || true
    # What Docker mounts it unmounts, but for the namespaces of networks that it kept for later.
    awk -v root="$CACHE/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount
    rm -f "$PIDFILE"
}

plugins() {
    local plugins=$DOCKER_CONFIG/cli-plugins
    mkdir -p "$plugins"
    if ! docker compose version >/dev/null 2>&1; then
        install -m 755 .venv/bin/docker-compose "$plugins/docker-compose"
    fi
    if ! docker buildx version >/dev/null 2>&1; then
        fetch_debs docker-buildx
        dpkg-deb -x "$CACHE"/debs/docker-buildx_*.deb "$CACHE/root"
        install -m 755 "$CACHE/root/usr/libexec/docker/cli-plugins/docker-buildx" "$plugins/docker-buildx"
    fi
}

# make_base ARCH: the base image out of Debian's packages
make_base() {
    local arch=$1 suite=bookworm tar=$CACHE/base-$1.tar hooks=()
    install_debs mmdebstrap=mmdebstrap
    sed "s/\b$(. /etc/os-release; echo "$VERSION_CODENAME")\b/$suite/g" /etc/apt/sources.list.d/debian.sources >"$CACHE/$suite.sources"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\ntimeout = 180\n' >"$CACHE/pip.conf"
    hooks+=(--customize-hook="mkdir -p \$1/etc/ssl/certs; cp /etc/ssl/certs/ca-certificates.crt \$1/etc/ssl/certs/"
            --customize-hook="cp $CACHE/pip.conf \$1/etc/pip.conf"
            --customize-hook="mkdir -p \$1$LOCAL_CA; cp -n $LOCAL_CA/*.crt \$1$LOCAL_CA/ 2>/dev/null || true")
    mmdebstrap --quiet --variant=minbase --architectures="$arch" --include=netbase,tzdata,usr-is-merged \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
        --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
        --aptopt='DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; }' \
        --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' "${hooks[@]}" \
        "$suite" "$tar" "$CACHE/$suite.sources" >"$CACHE/base-$arch.log" 2>&1 || cannot "no base image: $(tail -1 "$CACHE/base-$arch.log")"
    docker import --platform "linux/$arch" --change 'LABEL local.stand-in=1' --change 'CMD ["bash"]' "$tar" "$2" >/dev/null
    rm -f "$tar"
}

base() {
    docker image inspect "$BASE" >/dev/null 2>&1 || timeout 120 docker pull -q "$BASE" >/dev/null 2>&1 ||
        make_base "$(dpkg --print-architecture)" "$BASE"
}

# The same base image for arm64, as $BASE-arm64, and the kernel's leave to run it under qemu.
arm64() {
    local binfmt=/proc/sys/fs/binfmt_misc
    if [ ! -e $binfmt/qemu-aarch64 ]; then
        install_debs qemu-aarch64-static=qemu-user-static arch-test=arch-test
        mountpoint -q $binfmt || mount -t binfmt_misc binfmt_misc $binfmt || cannot "binfmt_misc cannot be mounted"
        # An ELF for aarch64; F: the kernel keeps the interpreter open, so that containers need none inside.
        [ -e $binfmt/qemu-aarch64 ] || printf '%s' ":qemu-aarch64:M::$ELF_ARM64:$ELF_MASK:/usr/bin/qemu-aarch64-static:F" >$binfmt/register
    fi
    docker image inspect "$BASE-arm64" >/dev/null 2>&1 || make_base arm64 "$BASE-arm64"
}

ELF_ARM64='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
ELF_MASK='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

if [ "${1:-}" = stop ]; then
    stop
    exit
fi
command -v docker >/dev/null || [ "$(id -u)" = 0 ] || cannot "the docker program is not installed"
mkdir -p "$CACHE"
engine
plugins
base
[ "${1:-}" != arm64 ] || arm64
