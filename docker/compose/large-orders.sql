CREATE TABLE orders (id BIGINT, customer TEXT, total DOUBLE)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'source', stream = 'ORDERS', format = 'json');

CREATE TABLE large_orders (id BIGINT, customer TEXT, total DOUBLE)
WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink', stream = 'LARGE_ORDERS', subject = 'large.orders',
  format = 'json', delivery = 'exactly_once');

INSERT INTO large_orders SELECT id, customer, total FROM orders WHERE total > 1000;
