#!/usr/bin/env bash
# Sets a farm up on this host, or brings it to the version of this folder, without a hole in the data. Again changes nothing.
#
#   sudo ops/deploy.sh [--dry-run] [--env FILE] [--ssh-port N] [--health-from CIDR]… [--no-firewall] [--timescaledb community|apache]
#   sudo ops/deploy.sh --rollback [--dry-run]
#
# --dry-run       says what would be done, and changes nothing
# --env FILE      settings of the first installation; default: .env of this folder. With DATABASE_URL and REDIS_URL in it, those servers are
#                 used; without, PostgreSQL 17 with TimescaleDB and Redis are set up here
# --ssh-port N    stays open whatever the firewall closes; default: those of sshd and of this session, or 22
# --health-from   who may ask for /health, an address or a network; may be given again; default: nobody but this host
# --no-firewall   leaves the firewall as it is
# --timescaledb   apache: Debian 13's own package, which lacks compression; default: community, of its makers' repository
# --rollback      back to the release before. The database stays as it is: refused where that release would not know its schema
set -euo pipefail
umask 022
export LC_ALL=C

readonly OPT=/opt/tapefarm ETC=/etc/tapefarm STATE=/var/lib/tapefarm LOG=/var/log/tapefarm/deploy.log
readonly ROOM_MB=3000 READY_SECONDS=60

source_folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
dry=no rollback=no firewall=yes env_file='' ssh_port='' timescaledb=community
health_from=()

say() {
    printf 'deploy: %s\n' "$*" >&2
    if [ "$dry" = no ] && [ -w "$LOG" ]; then printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$LOG"; fi
}
die() {
    say "$*"
    exit 1
}
is_dry() { [ "$dry" = yes ]; }

# Carries a command out, or says it.
act() {
    if is_dry; then
        say "would run: $*"
    else
        say "$*"
        "$@"
    fi
}

# put MODE OWNER FILE: what comes in becomes the file's content. `changed` is yes where it was not so already.
put() {
    local draft
    draft=$(mktemp)
    cat >"$draft"
    if ! cmp -s "$draft" "$3" || [ "$(stat -c %a:%U:%G "$3")" != "${1#0}:$2" ]; then
        # shellcheck disable=SC2034 # callers read it
        changed=yes
        say "$(is_dry && echo 'would write' || echo writing) $3"
        is_dry || install -D -m "$1" -o "${2%:*}" -g "${2#*:}" -T "$draft" "$3"
    fi
    rm -f "$draft"
}

# folder MODE OWNER PATH
folder() {
    if [ "$(stat -c %a:%U:%G "$3" 2>/dev/null)" != "${1#0}:$2" ]; then
        act install -d -m "$1" -o "${2%:*}" -g "${2#*:}" "$3"
    fi
}

# Python of a release, which knows settings and database.
python_of() { (cd "$1" && shift && exec ./.venv/bin/python -m ops.deploy "$@"); }

setting() { { sed -n "s/^$1=//p" "$2" 2>/dev/null || true; } | tail -n 1; }

password() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# remember NAME VALUE: a fact of a server set up here, once.
remember() {
    if [ -z "$(setting "$1" "$ETC/servers.env")" ]; then
        say "$(is_dry && echo 'would note' || echo noting) $1 in $ETC/servers.env"
        is_dry || printf '%s=%s\n' "$1" "$2" >>"$ETC/servers.env"
    fi
}

# until_true WORDS COMMAND…: waits for a server, a bounded time.
until_true() {
    local words=$1 left=$READY_SECONDS
    shift
    is_dry && return
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || die "$words within $READY_SECONDS s; look at it, then run this again."
        sleep 1
    done
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --dry-run) dry=yes ;;
        --rollback) rollback=yes ;;
        --no-firewall) firewall=no ;;
        --env) env_file=${2:?--env wants a file} && shift ;;
        --ssh-port) ssh_port=${2:?--ssh-port wants a number} && shift ;;
        --health-from) health_from+=("${2:?--health-from wants an address}") && shift ;;
        --timescaledb) timescaledb=${2:?--timescaledb wants community or apache} && shift ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) die "$1 is not known here: ops/deploy.sh --help says what is." ;;
        esac
        shift
    done
    case $timescaledb in community | apache) ;; *) die "--timescaledb is community or apache" ;; esac
}

check_host() {
    [ "$(id -u)" = 0 ] || die "an installation is made by root: sudo ops/deploy.sh"
    # shellcheck source=/dev/null
    . /etc/os-release
    # shellcheck disable=SC2034 # packages.sh reads it
    case ${ID:-}:${VERSION_ID:-} in
    ubuntu:24.04 | debian:12 | debian:13) readonly codename=$VERSION_CODENAME ;;
    *) die "this is ${PRETTY_NAME:-no known system}; this script is made for Ubuntu 24.04 and Debian 12 and 13. docker-compose.yml runs elsewhere." ;;
    esac
    command -v systemctl >/dev/null || die "systemd is not here, which is to run the programs."
    local free
    free=$(df -Pm /opt | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$ROOM_MB" ] || die "/opt has $free MB left and a release needs up to $ROOM_MB MB: free some room."
}

for part in packages servers release; do
    # shellcheck source=/dev/null
    . "$source_folder/ops/deploy/$part.sh"
done

# --- account, folders, settings -------------------------------------------------------------------------------------------------------
account() {
    getent passwd tapefarm >/dev/null || act useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin tapefarm
}

folders() {
    folder 0755 root:root "$OPT"
    folder 0755 root:root "$OPT/releases"
    # The programs read what to collect; what is secret there is for root, which is to say systemd, alone.
    folder 0755 root:root "$ETC"
    folder 0700 tapefarm:tapefarm "$ETC/keys"
    folder 0750 tapefarm:tapefarm "$STATE"
    folder 0750 tapefarm:tapefarm "$STATE/data"
    folder 0700 tapefarm:tapefarm "$STATE/data/backups"
}

configuration() {
    local name
    if [ ! -e "$ETC/tapefarm.env" ]; then
        if [ -n "$env_file" ]; then
            put 0600 root:root "$ETC/tapefarm.env" <"$env_file"
        else
            put 0600 root:root "$ETC/tapefarm.env" <<<"# Settings of this host, as $OPT/current/.env.example lists them. Run ops/deploy.sh after a change."
        fi
    fi
    for name in farm.toml alerts.toml; do
        [ -e "$ETC/$name" ] || put 0644 root:root "$ETC/$name" <"$source_folder/$name"
    done
    [ -e "$ETC/servers.env" ] || put 0600 root:root "$ETC/servers.env" <<<'# Written by ops/deploy.sh: servers and keys that it has made here.'
    put 0755 root:root /usr/local/bin/tapefarm <"$source_folder/ops/deploy/tapefarm"
    put 0644 root:root /etc/logrotate.d/tapefarm <"$source_folder/ops/logrotate.conf"
}

# --- who may come in ------------------------------------------------------------------------------------------------------------------
# Where sshd listens, and where this session came in, which sudo may not tell.
ssh_ports() {
    local found=$ssh_port
    if [ -z "$found" ]; then
        found=$({ sshd -T 2>/dev/null || true; } | awk '$1 == "port" { print $2 }')
        found="$found $(awk '{ print $4 }' <<<"${SSH_CONNECTION:-}")"
    fi
    # shellcheck disable=SC2086 # words
    printf '%s\n' ${found:-22} | sort -un | grep -x '[0-9][0-9]*' || echo 22
}

open_ports() {
    local source port ports
    [ "$firewall" = yes ] || return 0
    # Before anything is closed: who works here over the network must not be shut out.
    for port in $(ssh_ports); do act ufw allow "$port/tcp"; done
    if [ ${#health_from[@]} -gt 0 ]; then
        if is_dry; then ports='8000 8080'; else ports=$(python_of "$release" ports); fi
        for source in "${health_from[@]}"; do act ufw allow proto tcp from "$source" to any port "${ports#* }"; done
    fi
    act ufw default deny incoming
    act ufw default allow outgoing
    act ufw --force enable
}

go_back() {
    release=$(readlink "$OPT/previous" || true)
    [ -e "$release/.complete" ] || die "there is no release before this one to go back to."
    local now
    now=$(readlink -f "$OPT/current")
    python_of "$now" require "$release" || die "the release ${now##*/} stays."
    say "going back to ${release##*/}"
    switch
    units
    roll
}

main() {
    read_arguments "$@"
    check_host
    if ! is_dry; then
        exec 9>/run/tapefarm-deploy.lock
        flock -n 9 || die "another ops/deploy.sh is at work on this host."
        install -d -m 0750 -o root -g adm "${LOG%/*}"
        [ -e "$LOG" ] || install -m 0640 -o root -g adm /dev/null "$LOG"
    fi
    if [ "$rollback" = yes ]; then
        go_back
        return
    fi
    if [ -z "$env_file" ] && [ -e "$source_folder/.env" ]; then env_file=$source_folder/.env; fi
    local given=$ETC/tapefarm.env
    [ -e "$given" ] || given=${env_file:-/dev/null}
    [ -r "$given" ] || die "$given cannot be read."
    own_database=$([ -n "$(setting DATABASE_URL "$given")" ] && echo no || echo yes)
    own_redis=$([ -n "$(setting REDIS_URL "$given")" ] && echo no || echo yes)
    if [ -n "$(setting PROGRAMS_HERE "$given")" ]; then
        [ "$own_redis" = no ] || die "PROGRAMS_HERE makes this host a share of a farm: set REDIS_URL in $given, and DATABASE_URL unless it only has streamers."
        own_database=no
    fi
    packages
    account
    folders
    configuration
    [ "$own_database" = no ] || database
    [ "$own_redis" = no ] || redis
    make_release
    backup_key
    migrations
    switch
    units
    open_ports
    roll
    prune
    say "done: ${release##*/}$(is_dry && echo ', nothing was changed')"
}

main "$@"
