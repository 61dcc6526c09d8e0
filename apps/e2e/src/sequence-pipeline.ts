import type { JetStreamManager } from "nats";

/** From the stream INPUT to the stream OUTPUT, each row with the sequence of the input that it comes from. */
export function sequencePipelineSql(delivery: string): string {
  return `CREATE TABLE input (n BIGINT, seq BIGINT METADATA FROM 'stream_sequence')
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'INPUT', format = 'json');
CREATE TABLE output (n BIGINT, seq BIGINT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'OUTPUT', subject = 'out.rows',
  format = 'json', delivery = '${delivery}');
INSERT INTO output SELECT * FROM input;
`;
}

/** The sequence of the input that the last output comes from; 0 when there is none, or nobody can say. */
export function lastWritten(manager: JetStreamManager): Promise<number> {
  return manager.streams.getMessage("OUTPUT", { last_by_subj: "out.rows" }).then(
    (message) => message.json<{ seq: number }>().seq,
    () => 0,
  );
}
