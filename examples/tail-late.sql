CREATE TABLE late (
  delay INT,
  distance INT,
  at TIMESTAMP METADATA FROM 'timestamp',
  sequence BIGINT METADATA FROM 'stream_sequence'
) WITH (
  connector = 'nats',
  servers = '{{ NATS_URL }}',
  type = 'source',
  stream = 'LATE',
  format = 'json'
);

SELECT * FROM late;
