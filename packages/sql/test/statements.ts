/** Tables that the corpus reads from and writes to. */
export const tables = `CREATE TABLE src (id BIGINT NOT NULL, delay INT, note TEXT, "Note" TEXT, price DECIMAL(10,2), at TIMESTAMP(6), s STRUCT<a INT, b TEXT>) WITH (connector = 'nats');
CREATE TABLE dst (id BIGINT NOT NULL, delay BIGINT, note TEXT) WITH (connector = 'nats');
`;

/** Statements that are read, alone or behind {@link tables}. */
export const good: readonly string[] = [
  "CREATE TABLE t (a INT) WITH (connector = 'nats')",
  "create table T (a int not null) with (connector = nats);",
  "CREATE TABLE IF NOT EXISTS t (a INT) WITH ()",
  'CREATE TABLE "my table" ("a b" TEXT, "A B" TEXT) WITH (connector = \'nats\')',
  "CREATE TABLE t (a TEXT METADATA FROM 'subject' NOT NULL) WITH (x = 'y')",
  "CREATE TABLE t (a TEXT NOT NULL METADATA /* ; */ FROM -- '\n 'header.X-Id') WITH (x = 'y')",
  "CREATE TABLE t (a TEXT GENERATED ALWAYS AS (metadata('subject')) STORED) WITH (x = 'y')",
  "CREATE TABLE t (key TEXT, value TEXT, offset INT, timestamp TIMESTAMP, metadata INT, watermark INT) WITH (x = 'y')",
  "CREATE TABLE t (a DECIMAL ( 10 , 2 ), b TEXT[][], c STRUCT<x INT NOT NULL, y STRUCT<z TEXT>>, d BIGINT UNSIGNED) WITH (x = 1)",
  "CREATE TABLE t (a DOUBLE PRECISION, b TIMESTAMP(9), c JSON, d BYTEA, e UUID, f DATE, g TIME, h BOOLEAN) WITH (x = 1)",
  "CREATE TABLE t (a INT) WITH (ack_wait = 30s, max = 64MiB, rate = -1, f = 1.5, on = true, h = localhost:4222, 'auth.type' = jwt)",
  "CREATE TABLE t (a INT) WITH (servers = '{{ NATS_URL }}', note = 'it''s; WITH (', tag = $$dollar's$$)",
  "-- only a comment",
  "",
  ";;",
  "SELECT * FROM src",
  "SELECT src.* FROM src",
  "SELECT x.id, x.delay AS d FROM src AS x",
  "SELECT ID, Delay FROM SRC",
  'SELECT note, "Note" FROM src',
  "SELECT id, 'x' AS k, 5 AS n, -5 AS m, TRUE AS b, NULL AS z FROM src",
  "SELECT s.a, src.s.b FROM src",
  "INSERT INTO dst SELECT id, delay, note FROM src",
  "INSERT INTO dst (note, id) SELECT note, id FROM src",
  "INSERT INTO dst (ID) SELECT id FROM src",
  "INSERT INTO dst SELECT id, delay, NULL FROM src",
  "INSERT INTO dst SELECT id, 7, 'it''s' FROM src;",
  "SELECT delay + 1 AS d FROM src WHERE delay > 60 AND note LIKE 'a;%'",
  "SELECT CASE WHEN delay > 1 THEN 'a' ELSE 'b' END AS c FROM src",
  "SELECT id FROM src WHERE delay IS DISTINCT FROM 3",
  "SELECT delay IS DISTINCT FROM 3 AS d FROM src",
  "SELECT coalesce(note, 'FROM x WHERE y') AS n FROM src WHERE note IN ('a', 'b')",
  "SELECT CAST(price AS DOUBLE) AS p, extract(year FROM at) AS y FROM src",
  "SELECT id /* one */ , -- two\n delay FROM src -- three\n WHERE delay > 1 /* four */",
  "SELECT id FROM src WHERE s.a > 1 AND src.delay BETWEEN 1 AND 2",
];
