-- Flights more than an hour late, from one stream into another.
-- nats-pipeline run late-flights.sql
CREATE TABLE flights (delay INT, distance INT, time DOUBLE, subject TEXT METADATA FROM 'subject')
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'FLIGHTS', format = 'json');

CREATE TABLE late (delay INT, distance INT)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'LATE', subject = 'late.flights', format = 'json');

INSERT INTO late SELECT delay, distance FROM flights WHERE delay > 60;
