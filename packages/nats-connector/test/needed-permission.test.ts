import { expect, test } from "vitest";
import { neededPermission } from "../src/needed-permission.js";

test.each([
  ["orders.eu", "orders.eu"],
  ["$JS.API.STREAM.INFO.S", "$JS.API.STREAM.INFO.S"],
  ["$JS.API.CONSUMER.CREATE.S.job-1-e1-x", "$JS.API.CONSUMER.CREATE.S.*"],
  ["$JS.API.CONSUMER.CREATE.S.job-1-e1-x.orders.>", "$JS.API.CONSUMER.CREATE.S.*.orders.>"],
  ["$JS.hub.API.CONSUMER.MSG.NEXT.S.job-1-e1-x", "$JS.hub.API.CONSUMER.MSG.NEXT.S.*"],
  ["$JS.API.CONSUMER.NAMES.S", "$JS.API.CONSUMER.NAMES.S"],
  ["$JS.ACK.S.job-1-e1-x.1.7.3.1700000000000000000.12", "$JS.ACK.S.>"],
  ["$JS.ACK.hub.hash.S.job-1-e1-x.1.7.3.1700000000000000000.12", "$JS.ACK.hub.hash.S.>"],
  ["_INBOX_app.MNGW1WUZDFCTYC3LCLCAIZ.*", "_INBOX_app.>"],
  ["_INBOX.billing._0123-_89abcDEF01", "_INBOX.billing.>"],
  ["_INBOX.billing._0123-_89abcDEF01.7", "_INBOX.billing.>"],
  ["orders._settings", "orders._settings"],
])("%s is covered by %s", (subject, needed) => {
  expect(neededPermission(subject)).toBe(needed);
});
