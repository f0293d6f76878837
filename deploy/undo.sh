# shellcheck shell=bash
# shellcheck disable=SC2154  # variables that install_backend.sh sets before it sources this
# Takes away what install_backend.sh put there. Sourced by it; reads the marker that it left, and touches no folder
# without one.

undo() {
    [ -e "$dir/$MARKER" ] || die "$dir was not made by this script ($MARKER is missing); nothing was touched"
    [ "$(marked adopted)" != yes ] || adopt=true
    local webui folder kept=()
    webui=$(webui_dir)
    if $adopt; then
        while IFS= read -r folder; do
            # A line that a full disk cut short names nothing, or all of the user's extensions.
            case $folder in *..*) continue ;; extensions/?*) ;; *) continue ;; esac
            rm -rf "${webui:?}/$folder" "${dir:?}/$folder"
        done < <(sed -n 's/^added=//p' "$dir/$MARKER")
        rm -f "$dir/$MARKER" "$dir/.prodgen-constraints.txt" "$dir/.prodgen-backend.lock"
        rm -f "$dir"/logs/prodgen-install-*
        rmdir "$dir/logs" "$webui/models/ic-light" 2>/dev/null || true
        say "took the extensions out of $dir; your web UI is as it was"
        return
    fi
    if $purge; then
        rm -rf "${dir:?}"
        say "removed $dir"
        return
    fi
    if [ -d "$webui" ]; then
        find "$webui" -mindepth 1 -maxdepth 1 ! -name models ! -name outputs ! -name log -exec rm -rf {} +
        for folder in models outputs log; do
            # The web UI's own placeholders are no reason to keep a folder.
            if [ -n "$(find "$webui/$folder" -type f ! -name 'Put*here.txt' -print -quit 2>/dev/null)" ]; then
                kept+=("$webui/$folder")
            else
                rm -rf "${webui:?}/$folder"
            fi
        done
        rmdir "$webui" 2>/dev/null || true
    fi
    # What the flavour engine put beside it.
    if [ -n "$(find "$dir/models" -type f -print -quit 2>/dev/null)" ]; then kept+=("$dir/models"); else rm -rf "${dir:?}/models"; fi
    rm -rf "${dir:?}/logs" "${dir:?}/venv" "$dir/start_backend.sh" "$dir/backend.conf" "$dir"/.prodgen-*
    rmdir "$dir" 2>/dev/null || true
    if [ ${#kept[@]} -gt 0 ]; then say "removed the server; kept: ${kept[*]} (--purge takes them too)"; else say "removed $dir"; fi
}
