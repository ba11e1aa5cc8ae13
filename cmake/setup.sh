# Sourced by the scripts of tests/, examples/ and bench/.

# quietly COMMAND…: shows what the command says, on standard error, only if it fails.
quietly() {
    local said
    said=$("$@" 2>&1 </dev/null) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

# For setup, whose apt and missing it sees. An update fails over any one source, and succeeds without a network: it is the installation
# that counts, and what both said is shown together.
install_missing() {
    "${apt[@]}" update || true
    "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
}

# setup PACKAGE…: installs the Debian packages that are missing, as root or through sudo, and picks the quickest tools there are.
setup() {
    local package missing=() as_root=()
    if command -v apt-get >/dev/null; then
        for package in "$@"; do
            [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
        done
    else
        echo "nn: no apt-get here, taking it for granted that there is what these packages hold: $*" >&2
    fi
    if ((${#missing[@]})); then
        if [[ $(id -u) != 0 ]]; then
            as_root=(sudo)
            if ! command -v sudo >/dev/null; then
                echo "nn: neither root nor sudo; have these packages installed first: ${missing[*]}" >&2
                return 1
            fi
        fi
        echo "nn: installing with apt-get: ${missing[*]}" >&2
        # Another apt may be at work: wait for its lock instead of failing.
        local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
        quietly install_missing
    fi

    if command -v ninja >/dev/null; then
        export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
    fi
    if command -v ccache >/dev/null; then
        export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
    fi
    export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
    export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}
}
