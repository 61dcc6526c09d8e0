import { ConnectorError } from "@x/connector-api";

/**
 * A value that does not fit its column. Thrown inside this package only, on the way up to the format, which turns it
 * into BAD_DATA with {@link toBadData}. Readers of arrays and structs put their part in front of the path.
 * Not an Error: it is thrown once per bad row, and a stack trace of compiled readers helps nobody.
 */
export class BadValue {
  path = "";
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    this.expected = expected;
    this.got = got;
  }
}

/** Puts a field name in front of the path of a {@link BadValue}; hands any other error back as it is. */
export function withinField(name: string, error: unknown): unknown {
  if (error instanceof BadValue) {
    error.path = error.path === "" || error.path.startsWith("[") ? name + error.path : `${name}.${error.path}`;
  }
  return error;
}

/** Puts an array index in front of the path of a {@link BadValue}; hands any other error back as it is. */
export function withinElement(index: number, error: unknown): unknown {
  if (error instanceof BadValue) {
    const dot = error.path === "" || error.path.startsWith("[") ? "" : ".";
    error.path = `[${index}]${dot}${error.path}`;
  }
  return error;
}

/** BAD_DATA for a {@link BadValue}; any other error is returned as it came. */
export function toBadData(error: unknown): unknown {
  if (!(error instanceof BadValue)) return error;
  const { path, expected, got } = error;
  const place = path === "" ? "the row" : `column "${path}"`;
  return new ConnectorError("BAD_DATA", `${place}: expected ${expected}, got ${got}`, {
    context: { column: path, expected, got },
  });
}

/** BAD_DATA for a whole column: what {@link toBadData} makes of a BadValue found right there. */
export function badColumn(name: string, expected: string, got: string): unknown {
  return toBadData(withinField(name, new BadValue(expected, got)));
}
