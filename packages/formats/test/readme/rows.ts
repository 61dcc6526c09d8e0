import { defineSchema, type Row } from "@x/connector-api";
import { json } from "@x/formats";

const schema = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT" });
const options = json.parse({});
const decoder = await json.openDecoder(options, { schema });
const encoder = await json.openEncoder(options, { schema });

const rows: Row[] = [];
decoder.decode(encoder.encode({ id: 9007199254740993n, note: null }), rows);
// rows[0] is { id: 9007199254740993n, note: null }
