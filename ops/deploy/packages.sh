# shellcheck shell=bash
# Part of ops/deploy.sh: what the system's package manager brings, of this distribution and of two repositories that it does not know yet.
# shellcheck disable=SC2154 # its variables

# Fingerprints of the keys that sign the repositories' lists, as both projects publish them; another key is not trusted.
readonly PGDG_KEY=B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8 TIMESCALE_KEY=1005FB68604CE9B8F6879CF759F18EDF47F24417

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

install_packages() {
    local missing=() package
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    act apt-get -q update
    act env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}"
}

# repository NAME KEY-URL FINGERPRINT LINE: a repository is trusted by the one key that signs it.
repository() {
    local file=/etc/apt/keyrings/$1.gpg draft found
    if [ ! -e "$file" ]; then
        if is_dry; then
            say "would trust the key $3 of $2"
        else
            draft=$(mktemp -d)
            curl --fail --silent --show-error --location --max-time 60 --retry 2 --output "$draft/key" "$2" || die "the key at $2 cannot be fetched: look at the network, then run this again."
            found=$(GNUPGHOME=$draft gpg --quiet --show-keys --with-colons "$draft/key" | awk -F: '$1 == "pub" { p = 1 } $1 == "fpr" && p { print $10; p = 0 }')
            [ "$found" = "$3" ] || die "the key at $2 is ${found:-none at all} and not $3: nothing of it was trusted."
            mkdir -p /etc/apt/keyrings
            GNUPGHOME=$draft gpg --quiet --dearmor <"$draft/key" >"$draft/dearmored" 2>/dev/null || cp "$draft/key" "$draft/dearmored"
            install -m 0644 "$draft/dearmored" "$file"
            rm -rf "$draft"
        fi
    fi
    echo "deb [signed-by=$file] $4" | put 0644 root:root "/etc/apt/sources.list.d/$1.list"
}

packages() {
    local wanted=(python3 python3-venv ca-certificates logrotate)
    [ "$firewall" = no ] || wanted+=(ufw)
    # Debian 13 has PostgreSQL 17 itself; backups need its programs, wherever the server is.
    if [ "$codename" != trixie ]; then
        install_packages curl ca-certificates gnupg
        repository pgdg https://www.postgresql.org/media/keys/ACCC4CF8.asc "$PGDG_KEY" "https://apt.postgresql.org/pub/repos/apt $codename-pgdg main"
    fi
    wanted+=(postgresql-client-17)
    if [ "$own_database" = yes ]; then
        wanted+=(postgresql-17)
        if [ "$timescaledb" = apache ]; then
            [ "$codename" = trixie ] || die "--timescaledb apache is a package of Debian 13 alone."
            wanted+=(postgresql-17-timescaledb)
        else
            install_packages curl ca-certificates gnupg
            repository timescaledb https://packagecloud.io/timescale/timescaledb/gpgkey "$TIMESCALE_KEY" "https://packagecloud.io/timescale/timescaledb/$ID/ $codename main"
            wanted+=(timescaledb-2-postgresql-17)
        fi
    fi
    [ "$own_redis" = no ] || wanted+=(redis-server)
    install_packages "${wanted[@]}"
}
