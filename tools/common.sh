# What ./run, ./test and bench/run share. Sourced by bash with `set -euo pipefail`, in the root of the repository.

say() { printf '%s\n' "$*"; }
die() { printf 'confab: %s\n' "$*" >&2; exit 1; }

node_is_enough() { command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; }

# install_packages SECTION...: by apt-get, only what is missing.
install_packages() {
    local want missing=() p sudo=()
    command -v dpkg-query >/dev/null || { say "not a Debian system: the packages needed are in tools/packages.txt"; return 0; }
    want=$(for p in "$@"; do awk -v s="$p" '$1 == s { print $2 }' tools/packages.txt; done)
    for p in $want; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^.i' || missing+=("$p")
    done
    node_is_enough || missing+=(nodejs npm)
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "please install as root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get could not install: ${missing[*]}"
}

# setup_server DIR [meson options]: once, and again when a folder with a meson.build, a fuzz target or cmocka came or went.
setup_server() {
    local dir=$1 layout
    shift
    layout=$(find src tests bench -path '*/node_modules' -prune -o \( -name meson.build -o -name 'fuzz_*.c' \
        -o -path src/main.c \) -print; ls tools/*.c 2>/dev/null || true
        pkg-config --modversion cmocka 2>/dev/null || true; echo "$@")
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$@" || return 1
    elif [ "$layout" != "$(cat "$dir/layout" 2>/dev/null)" ]; then
        meson setup --reconfigure "$dir" "$@" || return 1
    fi
    printf '%s\n' "$layout" >"$dir/layout"
}

# npm_install DIR: only when the lock file or the Node is not the one of the last time. Two steps of ./test may want the same.
npm_install() {
    mkdir -p build
    (flock 9 && npm_install_alone "$1") 9>"build/npm-${1//\//-}.lock"
}

npm_install_alone() {
    local sum
    sum="$(sha256sum <"$1/package-lock.json") $(node --version)"
    [ "$sum" = "$(cat "$1/node_modules/.confab-lock" 2>/dev/null)" ] && return 0
    # npm ci refuses a lock file that leaves out other platforms' binaries; npm install takes it, versions and checksums all the same.
    (cd "$1" && { npm ci --no-fund --no-audit --loglevel=silent ||
        npm install --no-save --no-fund --no-audit --loglevel=error; }) || return 1
    printf '%s\n' "$sum" >"$1/node_modules/.confab-lock"
}

# use_node: from here on, node and npm are those that tools/node pins; the system's only fetch them, once. An npm that
# runs on an older Node leaves out, silently, the binaries of tools that ask for a newer one.
use_node() {
    local bin
    npm_install tools/node || return 1
    for bin in "$PWD"/tools/node/node_modules/{.bin,node-linux-*/bin}; do # npm 9 links no bin of an optional package
        [ -d "$bin" ] && PATH=$bin:$PATH
    done
    say "node $(node --version), npm $(npm --version)"
}

# build_web: vite, only when something that it reads changed.
build_web() {
    local stamp
    [ -f web/package.json ] || return 0
    npm_install web || return 1
    stamp=$(find web/src web/public web/index.html web/package-lock.json tools/precompress.mjs web/*.ts -type f \
        -printf '%p %s %T@\n' 2>/dev/null | sort | sha256sum)
    [ -d web/dist ] && [ "$stamp" = "$(cat build/web.stamp 2>/dev/null)" ] && return 0
    (cd web && npm run --silent build) || return 1
    node tools/precompress.mjs web/dist || return 1
    mkdir -p build
    printf '%s\n' "$stamp" >build/web.stamp
}

# wait_ready LOGFILE PID: until confabd says event=ready; 1 when it ended before or ten seconds went by.
wait_ready() {
    local i
    for i in $(seq 200); do
        grep -q 'event=ready\|\bready\b' "$1" 2>/dev/null && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
