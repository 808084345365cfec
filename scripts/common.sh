# Sourced by the other scripts: where things are, and how to say that something is missing.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=$root/.build/venv
binary=$root/.build/release/outputfs
# The version that Package.swift asks for with its language features.
swift_wanted=6.3

say() { printf '\n== %s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    shift
    for remedy in "$@"; do printf '  try: %s\n' "$remedy" >&2; done
    exit 1
}

usage() {
    # The comment at the top of the script is its help.
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
    exit "${1:-0}"
}

# A Python environment of this checkout with the pinned clients of Tests/requirements.txt; or another one:
# need_venv DIRECTORY PINS
need_venv() {
    local venv=${1:-$venv} pins=${2:-Tests/requirements.txt}
    local stamp=$venv/.outputfs-requirements
    if [ -x "$venv/bin/python" ] && cmp -s "$pins" "$stamp"; then return; fi
    say "Python environment in ${venv#"$root/"}"
    # A python3 without ensurepip (Debian without python3-venv) is passed over for one that has it.
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip' 2> /dev/null; then break; fi
    done
    "$python" -m venv --clear "$venv" \
        || die "no Python environment can be made" "apt-get install -y python3-venv" "scripts/setup"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$pins" \
        || die "the packages of $pins cannot be installed" "check the network, and pip's index (PIP_INDEX_URL)"
    cp "$pins" "$stamp"
}
