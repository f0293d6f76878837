#!/usr/bin/env bash
# Installs a Stable Diffusion server with IC-Light for prodgen, from pinned commits, into one folder of your own.
# No sudo; safe to run again (it goes on where it stopped); --uninstall takes away what it put there.
#   ./install_backend.sh                  AUTOMATIC1111's web UI with IC-Light, for the GPU that is present
#   ./install_backend.sh --flavour engine prodgen's own engine in its place: no web UI, nothing but Python packages
#   ./install_backend.sh --help           the rest
set -Eeuo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/torch.sh
. "$here/deploy/torch.sh"
# shellcheck source=deploy/sources.sh
. "$here/deploy/sources.sh"
# shellcheck source=deploy/engine_flavour.sh
. "$here/deploy/engine_flavour.sh"
# shellcheck source=deploy/undo.sh
. "$here/deploy/undo.sh"

MARKER=.prodgen-backend
NEEDED_GB=${PRODGEN_NEEDED_GB:-15}

dir=${PRODGEN_BACKEND_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/prodgen/backend}
flavour=a1111
ic_light=v2
python=
torch=
mirror=${PRODGEN_GIT_MIRROR:-}
pins="$here/deploy/pins.txt"
ca=
given_capability=
cpu=false adopt=false uninstall=false purge=false sources_only=false
log=/dev/null
step=0
last_command=

usage() {
    cat <<'TEXT'
usage: install_backend.sh [options]

  --dir DIR             where to (default: $PRODGEN_BACKEND_DIR, else ~/.local/share/prodgen/backend)
  --flavour NAME        a1111 (default), forge-classic, or engine: prodgen's own, without a web UI
  --ic-light v1|v2      which IC-Light extension: v2 (default, maintained) or v1 (takes one dict)
  --cpu                 no GPU: slow, to try things out
  --capability X.Y      install for this CUDA compute capability, without looking for a GPU (container builds)
  --python PATH         the Python that the server runs with: 3.10 or 3.11 for a web UI, 3.11 or later for engine
  --torch ARGUMENTS     what to give to "pip install" for torch, instead of the choice for this GPU
  --mirror URL          take what is at https://github.com/ from here instead
  --ca FILE             certificate authority of a proxy that opens TLS (for git, pip and downloads)
  --adopt               DIR holds a web UI of your own: only add the extensions to it
  --sources-only        clone and place everything, install no Python packages (for container builds)
  --pins FILE           another list of commits
  --uninstall           take away what was installed; models and pictures stay
  --purge               with --uninstall: those too
TEXT
}

say() { printf '%s\n' "$*" | tee -a "$log"; }
begin() { step=$((step + 1)); say "[$step] $*"; }
warn() { say "    note: $*"; }
die() {
    trap - ERR
    printf 'install_backend.sh: %s\n' "$*" | tee -a "$log" >&8
    [ "$log" = /dev/null ] || printf 'install_backend.sh: log: %s\n' "$log" >&8
    exit 1
}
usage_error() { printf 'install_backend.sh: %s\n' "$*" >&2; exit 2; }

# run COMMAND...: into the log; on failure its last lines are shown, and the caller says what to do.
run() {
    last_command="$*"
    printf '$ %s\n' "$*" >>"$log"
    local status=0
    "$@" >"$log.last" 2>&1 </dev/null || status=$?
    cat "$log.last" >>"$log"
    [ "$status" -eq 0 ] || tail -n 5 "$log.last" | sed 's/^/    | /' >&2
    return "$status"
}

# attempt COMMAND...: like run, but its failure is expected and stays in the log.
attempt() {
    printf '$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}

on_error() {
    local status=$? line=$1
    trap - ERR
    printf 'install_backend.sh: stopped at line %s (status %s)%s. Run the same command again: it goes on from here.\n' \
        "$line" "$status" "${last_command:+ after: $last_command}" >&8
    [ "$log" = /dev/null ] || printf 'install_backend.sh: log: %s\n' "$log" >&8
    exit "$status"
}
exec 8>&2 # where people look, even if a signal comes while output goes into the log
trap 'on_error $LINENO' ERR
trap 'trap - ERR; echo "install_backend.sh: stopped. Run the same command again: it goes on from here." >&8; exit 130' INT TERM

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dir | --flavour | --ic-light | --python | --torch | --mirror | --ca | --pins | --capability)
                [ $# -ge 2 ] && [ -n "$2" ] || usage_error "$1 needs a value (see --help)"
                case $1 in
                    --dir) dir=$2 ;;
                    --flavour) flavour=$2 ;;
                    --ic-light) ic_light=$2 ;;
                    --python) python=$2 ;;
                    --torch) torch=$2 ;;
                    --mirror) mirror=$2 ;;
                    --ca) ca=$2 ;;
                    --pins) pins=$2 ;;
                    --capability) given_capability=$2 ;;
                esac
                shift 2
                continue
                ;;
            --cpu) cpu=true ;;
            --adopt) adopt=true ;;
            --sources-only) sources_only=true ;;
            --uninstall) uninstall=true ;;
            --purge) purge=true ;;
            -h | --help) usage; exit 0 ;;
            *) usage_error "unknown option $1 (see --help)" ;;
        esac
        shift
    done
    case $flavour in a1111 | forge-classic | engine) ;; *) usage_error "--flavour is a1111, forge-classic or engine, not $flavour" ;; esac
    if [ "$flavour" = engine ] && { $adopt || $sources_only; }; then usage_error "--adopt and --sources-only are for a web UI, not for --flavour engine"; fi
    case $ic_light in v1 | v2) ;; *) usage_error "--ic-light is v1 or v2, not $ic_light" ;; esac
    [ "$flavour/$ic_light" != forge-classic/v1 ] || usage_error "Forge Classic has IC-Light v2 only"
    [[ $given_capability =~ ^([0-9]+\.[0-9]+)?$ ]] || usage_error "--capability is like 8.6, not $given_capability"
    [ -f "$pins" ] || usage_error "--pins $pins is no file"
    case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
    dir=${dir%/}
    case $dir in "" | / | "$HOME") usage_error "--dir must be a folder of its own, not ${dir:-/}" ;; esac
    if [ -n "$ca" ]; then
        [ -f "$ca" ] || usage_error "--ca $ca is no file"
        ca=$(realpath -- "$ca") # git and pip run in other folders
        export GIT_SSL_CAINFO="$ca" PIP_CERT="$ca" SSL_CERT_FILE="$ca" REQUESTS_CA_BUNDLE="$ca"
    fi
}

# Where the web UI itself is: a folder of ours, or the user's own that was adopted.
webui_dir() { if $adopt; then echo "$dir"; else echo "$dir/webui"; fi; }

# --- what must be there ------------------------------------------------------------------------------------------------

check_folder() {
    begin "folder $dir"
    if [ -e "$dir/$MARKER" ]; then
        if [ "$(marked adopted)" = yes ]; then adopt=true; else adopt=false; fi
        local had
        had=$(marked flavour)
        [ "$had" = "$flavour" ] || die "$dir holds flavour $had: give --flavour $had, or another --dir"
    elif $adopt; then
        adoptable || die "$dir is no web UI of AUTOMATIC1111 that can be adopted: launch.py and CHANGELOG.md of 1.10 or later are needed"
    elif [ -e "$dir" ] && ! only_models "$dir/webui" "$dir"; then
        die "$dir is not empty and was not made by this script; nothing in it was touched. Choose another --dir, or give --adopt if it is a web UI to add IC-Light to"
    fi
    mkdir -p "$dir/logs" 2>/dev/null && [ -w "$dir" ] || die "cannot write in $dir: choose another folder with --dir"
    log="$dir/logs/prodgen-install-$(date +%Y%m%d-%H%M%S).log"
    : >"$log"
    exec 9>"$dir/.prodgen-backend.lock"
    flock -n 9 || die "another install into $dir is running"
    if [ ! -e "$dir/$MARKER" ]; then
        printf 'flavour=%s\nadopted=%s\n' "$flavour" "$($adopt && echo yes || echo no)" >"$dir/$MARKER"
    fi
    local free_gb
    free_gb=$(($(df -Pk "$dir" | awk 'NR == 2 { print $4 }') / 1024 / 1024))
    if ! $sources_only && ! $adopt && [ ! -e "$dir/.prodgen-packages" ] && [ "$free_gb" -lt "$NEEDED_GB" ]; then
        die "$free_gb GB are free in $dir, about $NEEDED_GB GB are needed (and 12 GB more for the models): choose another folder with --dir"
    fi
}

# only_models WEBUI [ABOVE]: nothing is there but what --uninstall keeps, or a download that came before the install
only_models() {
    [ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name models ! -name outputs ! -name log -print -quit 2>/dev/null)" ] &&
        [ -z "${2:+$(find "$2" -mindepth 1 -maxdepth 1 ! -name webui ! -name models -print -quit 2>/dev/null)}" ]
}

adoptable() {
    [ -f "$dir/launch.py" ] && [ -f "$dir/CHANGELOG.md" ] || return 1
    local version
    version=$(sed -n 's/^## v\{0,1\}\([0-9][0-9.]*\).*/\1/p' "$dir/CHANGELOG.md" | head -n 1)
    [ -n "$version" ] && ! version_below "$version" 1.10
}

marked() { sed -n "s/^$1=//p" "$dir/$MARKER" | tail -n 1; }
mark() { grep -qxF "$1=$2" "$dir/$MARKER" || printf '%s=%s\n' "$1" "$2" >>"$dir/$MARKER"; }

check_tools() {
    command -v flock >/dev/null || die "flock is missing: apt install util-linux"
    if [ "$flavour" = engine ]; then
        check_python_for_engine
        return
    fi
    begin "git and Python"
    command -v git >/dev/null || die "git is missing: apt install git"
    if $sources_only || $adopt; then return; fi
    if [ -n "$python" ]; then
        python_fits "$python" || die "$python is not Python 3.10 or 3.11, which the web UI needs (or lacks the venv module)"
    else
        python=$(find_python) || die "the web UI needs Python 3.10 or 3.11 with the venv module; found $(pythons_here). Install one (uv python install 3.10; or apt install python3.11-venv), or name it with --python"
    fi
    say "    $("$python" --version 2>&1) at $python"
}

python_fits() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in python3.10 python3.11 python3 python; do
        if python_fits "$candidate"; then command -v "$candidate"; return 0; fi
    done
    command -v uv >/dev/null || return 1
    for candidate in 3.10 3.11; do
        candidate=$(uv python find "$candidate" 2>/dev/null) && python_fits "$candidate" && echo "$candidate" && return 0
    done
    say "    fetching Python 3.10 with uv" >&2
    run uv python install 3.10 && candidate=$(uv python find 3.10) && python_fits "$candidate" && echo "$candidate"
}

pythons_here() {
    local candidate found=""
    for candidate in python3 python3.9 python3.12 python3.13 python3.14; do
        found+=$("$candidate" --version 2>/dev/null | sed 's/$/, /') || true
    done
    found=${found%, }
    echo "${found:-none}"
}

check_gpu() {
    begin "GPU"
    local name capability memory driver
    if $cpu; then
        capability=cpu memory=0
        warn "--cpu: a picture takes minutes; for a first try prodgen's own embedded backend is quicker"
    elif [ -n "$given_capability" ]; then
        name="the GPU" capability=$given_capability memory=999999 driver=999
    else
        command -v nvidia-smi >/dev/null || die "no NVIDIA driver: nvidia-smi is missing. Install the driver (in WSL2: the one for Windows, nothing inside WSL), or give --cpu"
        local answer
        answer=$(nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv,noheader,nounits 2>&1) ||
            die "nvidia-smi fails: $(head -n 1 <<<"$answer"). After a driver update, restart the machine; or give --cpu"
        IFS=, read -r name capability memory driver <<<"$(head -n 1 <<<"$answer")"
        capability=${capability// /} memory=${memory// /} driver=${driver// /}
        [[ $capability =~ ^[0-9]+\.[0-9]+$ && $memory =~ ^[0-9]+$ ]] ||
            die "nvidia-smi is too old to be asked ($answer): update the driver, or give --cpu"
        say "    $name, compute capability $capability, $memory MiB, driver $driver"
    fi
    local choice packages least
    if [ "$flavour" = engine ]; then
        choice=$(torch_for_engine "$capability" "${driver:-0}")
    else
        choice=$(torch_choice "$capability")
    fi || die "$name (compute capability $capability) is too old for any torch that the server runs with; give --cpu"
    IFS='|' read -r choice packages attention xformers least <<<"$choice"
    if [ -n "$torch" ]; then
        choice="--torch $torch" packages=$torch attention=--opt-sdp-attention xformers=-
    elif [ "$capability" != cpu ] && version_below "$driver" "$least"; then
        die "driver $driver is too old for $choice, which needs $least or later: update it, or choose a torch with --torch"
    fi
    torch=$packages
    if [ "$flavour" = engine ]; then
        say "    $choice"
        return
    fi
    flags="--api $attention"
    if $cpu; then
        flags="--api --use-cpu all --no-half --skip-torch-cuda-test $attention"
    else
        local small
        small=$(memory_flag "$memory")
        if [ -n "$small" ]; then
            flags+=" $small"
            warn "$memory MiB of GPU memory is little: the server starts with $small and is slower. IC-Light at 700 x 700 was seen to take 8.5 GB without it"
        fi
    fi
    say "    $choice; flags: $flags"
}

# --- install and add -----------------------------------------------------------------------------------------------

add_bridge() {
    begin "prodgen bridge"
    local target
    target=$(webui_dir)/extensions/zz-prodgen-bridge
    rm -rf "$target"
    mkdir -p "$(dirname "$target")"
    cp -R "$here/deploy/extensions/zz-prodgen-bridge" "$target"
    find "$target" -name __pycache__ -prune -exec rm -rf {} +
    mark added extensions/zz-prodgen-bridge
    mkdir -p "$(webui_dir)/models/ic-light"
}

install_packages() {
    begin "Python packages (some gigabytes; the log grows meanwhile)"
    local webui venv pip
    webui=$(webui_dir)
    venv=$webui/venv
    if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
        run "$python" -m venv --clear "$venv" || die "cannot make a virtual environment in $venv: is the disk full?"
    fi
    pip=("$venv/bin/python" -m pip install --disable-pip-version-check --prefer-binary)
    local extensions done_with
    extensions=$(extensions_there)
    done_with="$torch $(git -C "$webui" rev-parse HEAD) $extensions"
    if [ "$(cat "$dir/.prodgen-packages" 2>/dev/null)" = "$done_with" ]; then
        say "    as they were"
        return
    fi
    rm -f "$dir/.prodgen-packages" "$dir/.prodgen-start" # a start installs what is missing until this has ended well
    # The web UI's own pins hold for every installer from here on, its extensions' too. Builds are isolated, so they must
    # be told to the build environment as well: by the first variable up to pip 25.2, by the second since.
    PIP_CONSTRAINT=$(as_address "$dir/.prodgen-constraints.txt")
    REQS_FILE="$dir/.prodgen-requirements.txt"
    export PIP_CONSTRAINT PIP_BUILD_CONSTRAINT="$PIP_CONSTRAINT"
    pins_of_webui for-torch "$(list_of_webui)" "$dir"
    read -r -a packages <<<"$torch"
    run "${pip[@]}" "${packages[@]}" || packages_failed "torch ($torch)"
    [ "$xformers" = - ] || run "${pip[@]}" --no-deps "$xformers" || packages_failed "$xformers"
    pins_of_webui write "$(list_of_webui)" "$dir"
    # The web UI installs the rest by itself, and its extensions' wishes, and stops. It logs an installer that fails, and
    # goes on.
    (cd "$webui" && prepare_environment_of_webui) || packages_failed "the web UI's own packages"
    local failed
    failed=$(sed -n 's/.*Error running install\.py for extension \(.*\)\.$/\1/p' "$log.last" | head -n 1)
    [ -z "$failed" ] || packages_failed "what the extension $(basename "$failed") needs"
    check_packages
    fetch_vocabulary
    {
        echo "# Written by install_backend.sh once the packages were checked; read by start_backend.sh."
        printf 'export PIP_CONSTRAINT=%q PIP_BUILD_CONSTRAINT=%q REQS_FILE=%q\n' "$PIP_CONSTRAINT" "$PIP_CONSTRAINT" "$REQS_FILE"
        printf 'CHECKED_EXTENSIONS=%q\n' "$extensions"
    } >"$dir/.prodgen-start"
    printf '%s' "$done_with" >"$dir/.prodgen-packages"
}

# as_address PATH: as a file:// address, because pip splits its variables at blanks
as_address() {
    local path=${1//%/%25}
    echo "file://${path// /%20}"
}

extensions_there() { (cd "$(webui_dir)/extensions" && echo *); }

list_of_webui() {
    local name
    for name in requirements_versions.txt requirements.txt; do
        [ ! -f "$(webui_dir)/$name" ] || break
    done
    echo "$(webui_dir)/$name"
}

pins_of_webui() { "$(webui_dir)/venv/bin/python" "$here/deploy/webui_pins.py" "$@"; }

prepare_environment_of_webui() {
    local options=(--exit --skip-torch-cuda-test)
    [ "$flavour" = a1111 ] || options+=(--skip-python-version-check)
    export STABLE_DIFFUSION_REPO=https://github.com/w-e-w/stablediffusion.git GRADIO_ANALYTICS_ENABLED=False REQS_FILE
    run venv/bin/python launch.py "${options[@]}"
}

# The list is compared once more after every installer has run; what one of them changed against it is put back.
check_packages() {
    local said
    if ! said=$(pins_of_webui check "$dir"); then
        warn "$said; putting it back"
        run "${pip[@]}" -r "$REQS_FILE" || packages_failed "the web UI's own packages"
        said=$(pins_of_webui check "$dir") || die "$said. An extension's installer changed that against the constraints: move it out of $(webui_dir)/extensions and run this again"
    fi
    say "    $said"
}

# What reads a checkpoint's prompts comes from Hugging Face at the first load of a checkpoint, unless it is there already.
fetch_vocabulary() {
    [ "$flavour" = a1111 ] || return 0
    HF_HOME="$dir/.prodgen-huggingface" attempt "$venv/bin/python" -c 'from transformers import CLIPTextConfig, CLIPTokenizer
for kind in CLIPTokenizer, CLIPTextConfig:
    kind.from_pretrained("openai/clip-vit-large-patch14")' ||
        warn "the vocabulary of prompts could not be fetched from huggingface.co; the first start needs the network for it"
}

packages_failed() {
    local hint="run this again: what is installed stays"
    grep -qiE 'No space left|Disk quota' "$log.last" && hint="the disk is full: free some space and run this again"
    grep -qiE 'certificate verify failed|SSLError' "$log.last" && hint="behind a proxy that opens TLS, give its certificate authority with --ca"
    grep -qiE "pkg_resources" "$log.last" && hint="setuptools is too new for a package that is built here; the log names it"
    grep -qiE 'No matching distribution' "$log.last" && hint="no build for this Python or machine: another one can be chosen with --python or --torch"
    die "cannot install $1: $hint"
}

write_settings() {
    begin "start script"
    cp "$here/deploy/start_backend.sh" "$dir/start_backend.sh"
    mark added start_backend.sh
    if [ -e "$dir/backend.conf" ] && ! grep -q '^# sources only' "$dir/backend.conf"; then return; fi
    cat >"$dir/backend.conf" <<TEXT
# Written by install_backend.sh. Edit freely: it is kept when the script runs again, unless you delete it.
WEBUI=$(printf '%q' "$(webui_dir)")
FLAGS=$(printf '%q' "$flags")
TEXT
    if $sources_only; then echo '# sources only: written anew once the packages are installed' >>"$dir/backend.conf"; fi
    mark added backend.conf
}

main() {
    read_options "$@"
    if $uninstall; then
        undo
        return
    fi
    attention='' xformers=- flags=''
    check_folder
    check_tools
    if $adopt; then
        clone_sources
        add_bridge
        rm -f "$log.last"
        sed -n 's/[[:space:]]*#.*//; /==/p' "$(list_of_webui)" 2>/dev/null >"$dir/.prodgen-constraints.txt" || true
        say "added to $dir. Start it as you always do, with --api; it installs what the extensions need by itself. The first time"
        say "  with  PIP_CONSTRAINT=$(as_address "$dir/.prodgen-constraints.txt")"
        say "  so that their installers leave the versions that the web UI asks for as they are"
        return
    fi
    if $sources_only; then flags="--api"; else check_gpu; fi
    if [ "$flavour" = engine ]; then
        install_engine
        write_engine_settings
        return
    fi
    clone_sources
    add_bridge
    $sources_only || install_packages
    write_settings
    rm -f "$log.last"
    say "installed in $dir"
    say "  next:  ./download_weights.sh --dir $(printf '%q' "$(webui_dir)/models")"
    say "  then:  $(printf '%q' "$dir/start_backend.sh")"
}

main "$@"
