# shellcheck shell=bash
# Part of ops/deploy.sh: releases side by side, the link that says which one runs, the units that run it.
# shellcheck disable=SC2154 # its variables

readonly UNITS=/etc/systemd/system KEPT_RELEASES=3
# What a release is made of. Tests, and what belongs to a checkout alone, stay where they are.
readonly PARTS=(farm celeryconfig.py farm.toml alerts.toml .env.example requirements.txt requirements-clients.txt README.md DEPLOYMENT.md
    RUNBOOK.md TROUBLESHOOTING.md CHANGELOG.md SECURITY.md bench core db docs migrations ops paper sandbox streamers tasks venues)

# The same content is the same release, whoever owns the files and whenever they were written.
pack() {
    local part parts=()
    for part in "${PARTS[@]}"; do [ ! -e "$source_folder/$part" ] || parts+=("$part"); done
    tar -C "$source_folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w --exclude=__pycache__ --exclude='*.pyc' -c "${parts[@]}"
}

name_release() {
    local digest found
    digest=$(pack | sha256sum | cut -c1-12)
    found=$({ find "$OPT/releases" -mindepth 1 -maxdepth 1 -name "*-$digest" 2>/dev/null || true; } | sort | tail -n 1)
    release=${found:-$OPT/releases/$(date -u +%Y%m%d-%H%M%S)-$digest}
}

make_release() {
    name_release
    [ ! -e "$release/.complete" ] || return 0
    if is_dry; then
        say "would make the release $release with a Python environment of its own"
        return
    fi
    say "making the release ${release##*/}"
    rm -rf "$release"
    install -d -m 0755 "$release"
    pack | tar -x -C "$release"
    take_environment
    # It finds out what is missing, installs it by the hashes of requirements.txt, and explains what goes wrong.
    (cd "$release" && ./farm --help >/dev/null) || die "the release was not made; nothing else was changed."
    "$release/.venv/bin/python" -m compileall -q -j 0 "$release" >/dev/null || true
    touch "$release/.complete"
}

# Packages that are the same need not be fetched again: their files are linked. What holds the place as text is rewritten.
take_environment() {
    local before
    before=$(readlink -f "$OPT/current" || true)
    if [ ! -d "$before/.venv" ] || ! cmp -s "$before/requirements.txt" "$release/requirements.txt"; then return 0; fi
    cp -al "$before/.venv" "$release/.venv"
    rm -f "$release"/.venv/.farm-*
    { grep -rlIF "$before" "$release/.venv/bin" "$release/.venv/pyvenv.cfg" || true; } | xargs -r sed -i "s#$before#$release#g"
    echo "$release" >"$release/.venv/.farm-place"
}

backup_key() {
    local file=$ETC/keys/backup.age
    if [ -n "$(setting BACKUP_AGE_RECIPIENT "$ETC/tapefarm.env")" ]; then return 0; fi
    if [ ! -e "$file" ]; then
        if is_dry; then
            say "would make a key for backups, $file"
            return
        fi
        python_of "$release" key | install -m 0400 -o tapefarm -g tapefarm /dev/stdin "$file.new"
        mv "$file.new" "$file"
        say "backups are encrypted to $file: KEEP A COPY OF IT ELSEWHERE, without it they cannot be read"
    fi
    # Of the file that is there: whoever is stopped in between must not encrypt to a key that is lost.
    if [ -z "$(setting BACKUP_AGE_IDENTITY_FILE "$ETC/servers.env")" ]; then
        remember BACKUP_AGE_RECIPIENT "$(python_of "$release" recipient "$file")"
        remember BACKUP_AGE_IDENTITY_FILE "$file"
    fi
}

migrations() {
    if is_dry; then
        say "would bring the database to the schema of ${release##*/}"
        return
    fi
    python_of "$release" require "$release" || die "nothing was switched: the farm runs on as it did."
    python_of "$release" migrate || die "nothing was switched: the farm runs on as it did. Mend the cause, then run this again."
}

# point NAME RELEASE: a link is replaced in one step.
point() {
    if [ "$(readlink "$OPT/$1")" != "$2" ]; then
        act ln -sfn "$2" "$OPT/.$1.new"
        act mv -T "$OPT/.$1.new" "$OPT/$1"
    fi
}

switch() {
    local before
    before=$(readlink "$OPT/current" || true)
    if [ -n "$before" ] && [ "$before" != "$release" ]; then point previous "$before"; fi
    point current "$release"
}

units() {
    local from=$release/ops/systemd name
    changed=no
    [ -d "$from" ] || from=$source_folder/ops/systemd
    while read -r name; do
        put 0644 root:root "$UNITS/$name" <"$from/$name"
    done < <(cd "$from" && find . -type f -name '*.service' -o -type f -name '*.target' -o -type f -name '*.conf' | sed 's#^\./##' | sort)
    while read -r name; do
        [ -e "$from/$name" ] || { act rm -f "$UNITS/$name" && changed=yes; }
    done < <(cd "$UNITS" 2>/dev/null && find . -type f -path './tapefarm*' ! -name 'own.conf' | sed 's#^\./##' | sort)
    if [ "$changed" = yes ]; then act systemctl daemon-reload; fi
}

# What runs was started by this release, these units and these settings?
roll() {
    local wanted stamp=$OPT/rolled unit active=yes
    if is_dry; then
        say "would restart what has changed, one replica of each streamer at a time, then workers, schedule, pages and watcher"
        return
    fi
    # farm.toml and alerts.toml are read again by whoever runs.
    wanted=$({ echo "$release" && cd "$ETC" && cat ./*.env; } | sha256sum | cut -d' ' -f1)
    while read -r unit; do systemctl is-active --quiet "$unit" || active=no; done < <(python_of "$release" units)
    if [ "$active" = yes ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        say "everything runs this release already"
        return
    fi
    python_of "$release" roll || die "what was not restarted runs on as it did. \`ops/deploy.sh --rollback\` leads back to the release before."
    put 0644 root:root "$stamp" <<<"$wanted"
}

prune() {
    local old
    while read -r old; do
        case $old in "$(readlink "$OPT/current")" | "$(readlink "$OPT/previous")") ;; *) act rm -rf "$old" ;; esac
    done < <(find "$OPT/releases" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort -r | tail -n "+$((KEPT_RELEASES + 1))")
}
