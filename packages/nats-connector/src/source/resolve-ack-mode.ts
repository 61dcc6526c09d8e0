import { ConnectorError } from "@x/connector-api";
import type { Capabilities } from "../capabilities.js";
import type { StreamInfo } from "../jetstream/api.js";
import type { AckMode } from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";

/**
 * How the consumer acks: by the stream's retention, unless the user asked for a mode that is as safe. Throws
 * CONSUMER_REFUSED for one that would lose data or that the server refuses.
 */
export function resolveAckMode(table: JetStreamSourceTable, info: StreamInfo, capabilities: Capabilities): AckMode {
  const { retention, num_replicas: replicas } = info.config;
  const asked = table.ackPolicy;
  const refuse = (reason: string): never => {
    throw new ConnectorError(
      "CONSUMER_REFUSED",
      `consumer.ack_policy = '${asked}' on stream "${info.config.name}": ${reason}; use 'auto'`,
      { context: { stream: info.config.name, retention } },
    );
  };
  const allIsSound = retention === "limits" || replicas === 1 || capabilities.ackAllOnReplicas;
  if (asked === "none" && retention !== "limits") refuse(`with ${retention} retention delivery alone deletes`);
  if (asked === "all" && retention === "workqueue") refuse("a work queue acks each message");
  if (asked === "all" && !allIsSound)
    refuse(`server ${capabilities.version} does not remove what was acked on replicas`);
  if (asked !== "auto") return asked;
  if (retention === "limits") return "none";
  return retention === "interest" && allIsSound ? "all" : "explicit";
}
