# shellcheck shell=bash
# shellcheck disable=SC2154  # variables that install_backend.sh sets before it sources this
# The flavour "engine": prodgen's own engine in a virtual environment, with no web UI. Sourced by install_backend.sh, whose
# settings (dir, torch, python) and lines (begin, say, die, run) it uses.

python_fits_engine() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python_for_engine() {
    local candidate
    for candidate in python3.12 python3.13 python3.11 python3 python; do
        if python_fits_engine "$candidate"; then command -v "$candidate"; return 0; fi
    done
    command -v uv >/dev/null || return 1
    candidate=$(uv python find '>=3.11' 2>/dev/null) && python_fits_engine "$candidate" && echo "$candidate"
}

check_python_for_engine() {
    begin "Python"
    if [ -n "$python" ]; then
        python_fits_engine "$python" || die "$python is not Python 3.11 or later, which prodgen needs (or lacks the venv module)"
    else
        python=$(find_python_for_engine) || die "prodgen needs Python 3.11 or later with the venv module. Install one (uv python install 3.12; or apt install python3-venv), or name it with --python"
    fi
    say "    $("$python" --version 2>&1) at $python"
}

install_engine() {
    begin "Python packages (some gigabytes; the log grows meanwhile)"
    local pip
    if [ ! -x "$dir/venv/bin/python" ] || ! "$dir/venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
        run "$python" -m venv --clear "$dir/venv" || die "cannot make a virtual environment in $dir/venv: is the disk full?"
    fi
    pip=("$dir/venv/bin/python" -m pip install --disable-pip-version-check)
    read -r -a packages <<<"$torch"
    # torch first: its build is the GPU's business, and what is there is not replaced afterwards.
    run "${pip[@]}" "${packages[@]}" || packages_failed "torch ($torch)"
    run "${pip[@]}" "${here}[engine]" || packages_failed "prodgen with its engine"
    printf '%s' "$torch" >"$dir/.prodgen-packages"
}

write_engine_settings() {
    begin "start script"
    cp "$here/deploy/start_engine.sh" "$dir/start_backend.sh"
    mkdir -p "$dir/models"
    [ -e "$dir/backend.conf" ] || cat >"$dir/backend.conf" <<TEXT
# Written by install_backend.sh. Edit freely: it is kept when the script runs again, unless you delete it.
MODELS=$(printf '%q' "$dir/models")
# The most memory of the GPU that is used, such as 6G; empty: all there is.
VRAM=
TEXT
    rm -f "$log.last"
    say "installed in $dir"
    say "  next:  PRODGEN_MODELS=$(printf '%q' "$dir/models") $(printf '%q' "$dir/venv/bin/prodgen") weights get sd15-photo iclight-fc iclight-fbc"
    say "  then:  $(printf '%q' "$dir/start_backend.sh")"
}
