# shellcheck shell=bash
# shellcheck disable=SC2154  # variables that install_backend.sh sets before it sources this
# Brings the repositories of deploy/pins.txt to their commits. Sourced by install_backend.sh, whose settings (flavour,
# ic_light, pins, mirror, adopt) and lines (say, warn, die, run) it uses.

BRANCH=pinned # the web UI does not list an extension that is on no branch, and logs a traceback for it

git_() { git ${mirror:+-c "url.${mirror%/}/.insteadOf=https://github.com/"} -c advice.detachedHead=false "$@"; }

# checkout NAME URL COMMIT TAG TARGET: TARGET is at COMMIT afterwards, or nothing has changed.
checkout() {
    local name=$1 url=$2 commit=$3 tag=$4 target=$5 partial="$5.partial"
    if [ "$(git -C "$target" rev-parse HEAD 2>/dev/null)" = "$commit" ] && [ -e "$target/.git" ]; then
        git -C "$target" symbolic-ref -q HEAD >/dev/null || run git -C "$target" checkout -B "$BRANCH" || die "cannot name a branch in $target"
        say "    $name is at ${commit:0:10}"
        return
    fi
    if [ -e "$target" ] && ! only_models "$target"; then
        if [ ! -e "$target/.git" ] || [ -n "$(git -C "$target" status --porcelain --untracked-files=no 2>/dev/null)" ]; then
            die "$target is in the way (not a clean clone of $name); move it away and run this again"
        fi
        attempt git_ -C "$target" fetch "$url" "$commit" || run git_ -C "$target" fetch "$url" || fetch_failed "$name" "$url"
        run git_ -C "$target" checkout --force -B "$BRANCH" "$commit" || die "$url has no commit $commit"
    else
        mkdir -p "$(dirname "$target")"
        if [ ! -e "$partial/.git" ]; then
            rm -rf "$partial"
            git init --quiet "$partial"
        fi
        # One commit alone where the server allows it; a plain mirror wants the whole history.
        attempt git_ -C "$partial" fetch --depth 1 "$url" "$commit" || run git_ -C "$partial" fetch "$url" \
            '+refs/heads/*:refs/remotes/origin/*' || fetch_failed "$name" "$url"
        run git_ -C "$partial" checkout --force -B "$BRANCH" "$commit" || die "$name: $url has no commit $commit"
        git -C "$partial" remote get-url origin >/dev/null 2>&1 || git -C "$partial" remote add origin "$url"
        local kept
        for kept in models outputs log; do
            [ -e "$target/$kept" ] || continue
            rm -rf "${partial:?}/$kept"
            mv "$target/$kept" "$partial/$kept"
        done
        git -C "$partial" checkout --quiet -- . # the placeholders in models/ that gave way
        rmdir "$target" 2>/dev/null || true
        mv "$partial" "$target"
    fi
    [ "$tag" = - ] || git -C "$target" tag --force "$tag" "$commit" >>"$log" 2>&1
    [ "$(git -C "$target" rev-parse HEAD)" = "$commit" ] || die "$name is not at $commit after its checkout"
    say "    $name cloned at ${commit:0:10}"
}

fetch_failed() {
    local hint="is the network up, and the address still there? Another copy can be named in $pins, or a mirror with --mirror"
    grep -qiE 'certificate|SSL' "$log.last" && hint="behind a proxy that opens TLS, give its certificate authority with --ca"
    grep -qiE 'proxy' "$log.last" && hint="the proxy refuses or does not answer: look at HTTPS_PROXY"
    grep -qiE 'No space left|Disk quota' "$log.last" && hint="the disk is full: free some space and run this again"
    die "cannot fetch $1 from $2: $hint"
}

clone_sources() {
    begin "sources"
    local webui line kind name url commit tag folder
    webui=$(webui_dir)
    while read -r kind name url commit tag folder; do
        case $kind in "$flavour") ;; *) continue ;; esac
        case $name in ic-light-*) [ "$name" = "ic-light-$ic_light" ] || continue ;; esac
        if $adopt; then
            case $folder in extensions/*) ;; *) continue ;; esac
            line=$(existing_extension "$webui" "$name") && warn "$name is there already as $line; left as it is" && continue
        fi
        checkout "$name" "$url" "$commit" "$tag" "$(realpath -m "$webui/$folder")"
        mark added "$folder"
    done < <(grep -vE '^[[:space:]]*(#|$)' "$pins")
}

# existing_extension WEBUI NAME: the user's own copy of an extension, under whatever name, that is not ours
existing_extension() {
    local pattern candidate
    case $2 in
        model-patcher) pattern='model-patcher' ;;
        ic-light-*) pattern='ic-light' ;;
        *) return 1 ;;
    esac
    for candidate in "$1"/extensions/*"$pattern"*/; do
        [ -d "$candidate" ] || continue
        candidate="extensions/$(basename "$candidate")"
        grep -qxF "added=$candidate" "$dir/$MARKER" || { echo "$candidate"; return 0; }
    done
    return 1
}
