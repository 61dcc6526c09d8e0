export interface PipelineSqlOptions {
  readonly columns?: string;
  readonly select?: string;
  /** More options of the source, as `, name = 'value'`. */
  readonly source?: string;
  /** More options of the sink. */
  readonly sink?: string;
}

/** The SQL of a pipeline from the stream INPUT to the stream OUTPUT, over `{{ NATS_URL }}`. */
export function pipelineSql(options: PipelineSqlOptions = {}): string {
  const { columns = "n BIGINT", select = "SELECT * FROM input", source = "", sink = "" } = options;
  return `CREATE TABLE input (${columns})
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', format = 'json'${source});
CREATE TABLE output (${columns})
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows', format = 'json'${sink});
INSERT INTO output ${select};
`;
}

/** Rows `{ n: from } … { n: to }`. */
export function numberedRows(from: number, to: number): { n: number }[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ n: from + i }));
}
