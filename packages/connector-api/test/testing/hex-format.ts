import { ConnectorError, type Format } from "@x/connector-api";

/** A payload is the hexadecimal digits of the one column, `value BYTEA`. */
export const hexFormat: Format = {
  name: "hex",
  text: true,
  fromOptions: () => ({}),
  parse: () => ({}),
  checkSchema({ columns }) {
    if (columns.length === 1 && columns[0]?.name === "value" && columns[0].type.kind === "bytes") return;
    throw new ConnectorError("SCHEMA_INVALID", "format hex: expected exactly one column, value BYTEA");
  },
  async openDecoder() {
    return {
      decode(payload, rows) {
        const text = Buffer.from(payload).toString("latin1");
        if (!/^([0-9a-f]{2})*$/i.test(text))
          throw new ConnectorError("BAD_DATA", "expected pairs of hexadecimal digits");
        rows.push({ value: new Uint8Array(Buffer.from(text, "hex")) });
      },
    };
  },
  async openEncoder() {
    return { encode: (row) => Buffer.from(Buffer.from(row.value as Uint8Array).toString("hex")) };
  },
};
