# shellcheck shell=bash
# Part of ops/deploy.sh: PostgreSQL and Redis of this host's own, tuned, with passwords that nobody chose.
# shellcheck disable=SC2154 # its variables

database() {
    local memory port owner role
    changed=no
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    put 0644 root:root /etc/postgresql/17/main/conf.d/tapefarm.conf <<CONF
# Written by ops/deploy.sh, with reasons in ops/local/postgres_conf.py. Your own go into a file behind it, such as zz-own.conf.
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 12
max_worker_processes = 24
max_locks_per_transaction = 256
jit = off
shared_buffers = $((memory / 4 > 2048 ? 2048 : memory / 4))MB
effective_cache_size = $((memory / 2))MB
maintenance_work_mem = 128MB
work_mem = 16MB
random_page_cost = 1.1
wal_compression = on
checkpoint_timeout = 15min
max_wal_size = 4GB
timezone = 'UTC'
client_connection_check_interval = 10s
idle_in_transaction_session_timeout = 10min
lock_timeout = 60s
statement_timeout = 1h
CONF
    act systemctl enable --quiet postgresql.service
    if [ "$changed" = yes ]; then act systemctl restart postgresql.service; else act systemctl start postgresql.service; fi
    until_true "PostgreSQL does not answer" runuser -u postgres -- pg_isready --quiet
    owner=$(setting DATABASE_OWNER_URL "$ETC/servers.env")
    if [ -n "$owner" ]; then return; fi
    if is_dry; then
        say "would make the database tapefarm and its owner, and note their passwords in $ETC/servers.env"
        return
    fi
    owner=$(password)
    port=$(runuser -u postgres -- psql -qAtXc 'show port')
    # Over standard input: arguments are seen by everybody. The owner is what that of the container image is, as migrations grant built-in roles.
    runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1 >/dev/null <<SQL
SELECT 'CREATE ROLE tapefarm' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tapefarm') \gexec
ALTER ROLE tapefarm LOGIN SUPERUSER PASSWORD '$owner';
SELECT 'CREATE DATABASE tapefarm OWNER tapefarm' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tapefarm') \gexec
SQL
    for role in "DATABASE_URL tapefarm_writer" "DATABASE_READER_URL tapefarm_reader" "DATABASE_BACKUP_URL tapefarm_backup"; do
        remember "${role% *}" "postgresql+psycopg2://${role#* }:$(password)@127.0.0.1:$port/tapefarm"
    done
    put 0600 root:root "$ETC/console.env" <<<"DATABASE_URL=postgresql+psycopg2://tapefarm_console:$(password)@127.0.0.1:$port/tapefarm"
    # Last: whoever is stopped before begins anew, with a password that fits.
    remember DATABASE_OWNER_URL "postgresql+psycopg2://tapefarm:$owner@127.0.0.1:$port/tapefarm"
}

redis() {
    local memory word port
    changed=no
    port=$(awk '$1 == "port" { print $2 }' /etc/redis/redis.conf 2>/dev/null || true)
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    word=$(setting REDIS_URL "$ETC/servers.env" | sed -n 's#^redis://:\([^@]*\)@.*#\1#p')
    word=${word:-$(password)}
    put 0640 root:redis /etc/redis/tapefarm.conf <<CONF
# Written by ops/deploy.sh, with reasons in ops/local/redis.py.
requirepass $word
appendonly yes
appendfsync always
save ""
maxmemory $((memory / 4))mb
maxmemory-policy noeviction
CONF
    if ! grep -qx 'include /etc/redis/tapefarm.conf' /etc/redis/redis.conf 2>/dev/null; then
        changed=yes
        act sh -c 'echo "include /etc/redis/tapefarm.conf" >>/etc/redis/redis.conf'
    fi
    remember REDIS_URL "redis://:$word@127.0.0.1:${port:-6379}/0"
    act systemctl enable --quiet redis-server.service
    if [ "$changed" = yes ]; then act systemctl restart redis-server.service; else act systemctl start redis-server.service; fi
    until_true "Redis does not answer" env REDISCLI_AUTH="$word" sh -c "redis-cli -p ${port:-6379} ping | grep -q PONG"
}
