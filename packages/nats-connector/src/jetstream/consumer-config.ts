/** Consumer configuration as the server's JSON has it (ADR-15); times are nanoseconds. Only fields this package sends or checks. */
export interface ConsumerConfig {
  readonly name?: string;
  readonly durable_name?: string;
  readonly description?: string;
  readonly deliver_policy: "all" | "new" | "last" | "last_per_subject" | "by_start_sequence" | "by_start_time";
  readonly opt_start_seq?: number;
  readonly opt_start_time?: string;
  readonly ack_policy: "none" | "all" | "explicit";
  readonly ack_wait?: number;
  readonly max_deliver?: number;
  readonly max_ack_pending?: number;
  readonly max_waiting?: number;
  readonly max_batch?: number;
  readonly max_bytes?: number;
  readonly max_expires?: number;
  readonly filter_subject?: string;
  readonly filter_subjects?: readonly string[];
  readonly replay_policy?: "instant" | "original";
  readonly sample_freq?: string;
  readonly inactive_threshold?: number;
  readonly num_replicas?: number;
  readonly mem_storage?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}
