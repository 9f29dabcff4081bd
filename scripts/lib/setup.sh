# What demo, test and the laboratory share: the checkout's root, root rights, Debian packages.
# Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Runs a command as root: as it is, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "expected root or sudo to run: $*" >&2
        return 1
    fi
}

# Installs those of the named Debian packages that are missing. `npm:npm` is the package npm, unless there is a
# command npm already (a machine may have its own).
need_packages() {
    local package missing=()
    for package in "$@"; do
        if [ "$package" != "${package#*:}" ]; then
            command -v "${package#*:}" >/dev/null && continue
            package=${package%%:*}
        fi
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    echo "installing: ${missing[*]}" >&2
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# What the build needs: a C compiler, libpcap's headers and cargo.
need_build() {
    need_packages gcc libc6-dev make pkg-config libpcap-dev
    if ! command -v cargo >/dev/null; then
        echo "expected cargo (Rust 1.95 or later), found none; see https://rustup.rs" >&2
        return 1
    fi
}
