export interface BadStatement {
  readonly sql: string;
  readonly code: string;
  /** Line and column, counted in the statement itself. */
  readonly at: string;
  /** A part of the message. */
  readonly says: string;
}

export const bad = (sql: string, code: string, at: string, says: string): BadStatement => ({ sql, code, at, says });

/** CREATE TABLE, and statements that are none of ours, refused behind the tables. */
export const refusedTables: readonly BadStatement[] = [
  bad("SELEC 1", "SQL_SYNTAX", "1:1", "expected CREATE TABLE, INSERT INTO … SELECT or SELECT,"),
  bad("CREATE TABLE", "SQL_SYNTAX", "1:13", "expected a table name, found the end of the statement"),
  bad("CREATE TABLE t", "SQL_INVALID", "1:14", 'table "t" needs its columns, as in (id BIGINT, note TEXT)'),
  bad("CREATE TABLE t (a INT)", "SQL_SYNTAX", "1:23", 'expected WITH (connector = …) behind the columns of "t",'),
  bad("CREATE TABLE t () WITH (a = 1)", "SQL_SYNTAX", "1:17", 'expected a column name, found ")"'),
  bad("CREATE TABLE t (a) WITH (x = 1)", "SQL_SYNTAX", "1:18", 'expected a type for column "a", found ")"'),
  bad("CREATE TABLE t (a INT,) WITH (x = 1)", "SQL_SYNTAX", "1:23", 'expected a column name, found ")"'),
  bad(
    "CREATE TABLE t (a INT b TEXT) WITH (x = 1)",
    "SCHEMA_INVALID",
    "1:19",
    'column "a": type "INT b TEXT": expected "[]" or the end of',
  ),
  bad(
    "CREATE TABLE t (a INT WITH (x = 1)",
    "SQL_SYNTAX",
    "1:23",
    'expected NOT NULL, METADATA FROM \'key\', "," or ")" behind',
  ),
  bad(
    "CREATE TABLE t (a FOO) WITH (x = 1)",
    "SCHEMA_INVALID",
    "1:19",
    'column "a": unknown type "FOO"; the types are BOOLEAN,',
  ),
  bad(
    "CREATE TABLE t (a INT,\n b BIGNIT) WITH (x = 1)",
    "SCHEMA_INVALID",
    "2:4",
    'column "b": unknown type "BIGNIT"; did you mean "BIGINT"?',
  ),
  bad(
    "CREATE TABLE t (a DECIMAL(99)) WITH (x = 1)",
    "SCHEMA_INVALID",
    "1:19",
    'column "a": type "DECIMAL(99)": expected a precision from 1',
  ),
  bad("CREATE TABLE t (a INT, b TEXT, a TEXT) WITH (x = 1)", "SCHEMA_INVALID", "1:32", 'column "a" is declared twice'),
  bad("CREATE TABLE src (a INT) WITH (x = 1)", "SQL_INVALID", "1:14", 'table "src" is declared twice, first on line 1'),
  bad(
    "CREATE TABLE db.t (a INT) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:14",
    "a table name has one part; leave out the schema",
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (auth.type = 'jwt')",
    "SQL_SYNTAX",
    "1:30",
    "an option name with a dot needs quotes, as in 'auth.type' =",
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a 'b')",
    "SQL_SYNTAX",
    "1:32",
    'expected "=" behind the option "a", found something else',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a = )",
    "SQL_SYNTAX",
    "1:34",
    'expected a value for "a" (a value with other signs than',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a = b c)",
    "SQL_SYNTAX",
    "1:36",
    'expected "," or ")" (a value with other signs than letters,',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a = {{ X }})",
    "SQL_SYNTAX",
    "1:34",
    'expected a value for "a" (a value with other signs than',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a = 'b'",
    "SQL_SYNTAX",
    "1:37",
    'expected "," or ")", found the end of the statement',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH (a = 'b') x",
    "SQL_SYNTAX",
    "1:39",
    'expected ";" or the end of the statement, found "x"',
  ),
  bad("CREATE TABLE t (a INT) WITH (a = 'b)", "SQL_SYNTAX", "1:34", "this string has no closing '"),
  bad(
    "CREATE TABLE t (a INT) WITH (\n event_time_field = 'a')",
    "SQL_UNSUPPORTED",
    "2:2",
    'option "event_time_field" is not supported: the order of a',
  ),
  bad(
    "CREATE TABLE t (a INT) WITH ('idle_micros' = 1)",
    "SQL_UNSUPPORTED",
    "1:30",
    'option "idle_micros" is not supported: there are no',
  ),
  bad(
    "CREATE TABLE t (a TEXT METADATA FROM subject) WITH (x = 1)",
    "SQL_SYNTAX",
    "1:38",
    "expected the metadata key in single quotes, as in METADATA",
  ),
  bad(
    "CREATE TABLE t (a TEXT METADATA 'subject') WITH (x = 1)",
    "SQL_SYNTAX",
    "1:33",
    "expected FROM, found a quoted text",
  ),
  bad(
    "CREATE TABLE t (a INT GENERATED ALWAYS AS (b + 1) STORED) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:17",
    "column \"a\": only GENERATED ALWAYS AS (metadata('key'))",
  ),
  bad(
    "CREATE TABLE t (a TIMESTAMP, WATERMARK FOR a) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:30",
    "WATERMARK FOR is not supported: there are no windows over a",
  ),
  bad(
    "CREATE TABLE t (a INT PRIMARY KEY) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:23",
    'column "a": PRIMARY KEY is not supported: a stream checks',
  ),
  bad(
    "CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:24",
    "PRIMARY KEY is not supported: a stream checks no keys;",
  ),
  bad(
    "CREATE TABLE t (a INT DEFAULT 3) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:23",
    'column "a": DEFAULT is not supported; compute the value in',
  ),
  bad(
    "CREATE TABLE t (a INT UNIQUE) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:23",
    'column "a": UNIQUE is not supported: a stream checks no',
  ),
  bad(
    "CREATE TABLE t (a INT, CHECK (a > 1)) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:24",
    "CHECK is not supported: a stream checks no keys; leave it",
  ),
  bad(
    "CREATE TABLE t AS SELECT * FROM src",
    "SQL_UNSUPPORTED",
    "1:16",
    "CREATE TABLE … AS SELECT is not supported; declare the",
  ),
  bad(
    "CREATE VIEW v AS SELECT * FROM src",
    "SQL_UNSUPPORTED",
    "1:1",
    "CREATE VIEW is not supported; write CREATE TABLE … WITH (…)",
  ),
  bad(
    "CREATE OR REPLACE TABLE t (a INT) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:1",
    "CREATE OR REPLACE is not supported; write CREATE TABLE …",
  ),
  bad(
    "CREATE TEMP TABLE t (a INT) WITH (x = 1)",
    "SQL_UNSUPPORTED",
    "1:1",
    "CREATE TEMP is not supported; write CREATE TABLE … WITH (…)",
  ),
  bad("UPDATE src SET id = 1", "SQL_UNSUPPORTED", "1:1", "UPDATE is not supported: a stream only grows"),
  bad("DELETE FROM src", "SQL_UNSUPPORTED", "1:1", "DELETE is not supported: a stream only grows"),
  bad("DROP TABLE src", "SQL_UNSUPPORTED", "1:1", "DROP is not supported: tables live in this file alone;"),
  bad("ALTER TABLE src ADD x INT", "SQL_UNSUPPORTED", "1:1", "ALTER is not supported: tables live in this file alone;"),
  bad(
    "EXPLAIN SELECT * FROM src",
    "SQL_UNSUPPORTED",
    "1:1",
    "EXPLAIN is not supported; the statements are CREATE TABLE,",
  ),
  bad("SET x = 1", "SQL_UNSUPPORTED", "1:1", "SET is not supported; the statements are CREATE TABLE,"),
  bad(
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "SQL_UNSUPPORTED",
    "1:1",
    "WITH (common table expressions) is not supported; write the",
  ),
  bad("VALUES (1)", "SQL_UNSUPPORTED", "1:1", "VALUES is not supported: rows come from a source table"),
  bad("FROM src SELECT id", "SQL_UNSUPPORTED", "1:1", "write SELECT … FROM …, in this order"),
  bad("(SELECT * FROM src)", "SQL_UNSUPPORTED", "1:1", "write the SELECT without brackets around it"),
];
