import {
  create,
  createFileRegistry,
  type DescMessage,
  fromJson,
  type JsonObject,
  type MessageInitShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  type DescriptorProtoSchema,
  Edition,
  type EnumDescriptorProtoSchema,
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FeatureSet_RepeatedFieldEncoding,
  FieldDescriptorProto_Label,
  type FieldDescriptorProtoSchema,
  FieldDescriptorProto_Type as FieldType,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { isWellFormed } from "./schemas.ts";

/** A random message type as `.proto` text and as a descriptor, and a message of it by another implementation. */
export interface ProtoCase {
  readonly text: string;
  /** A FileDescriptorSet, made without the text. */
  readonly descriptors: Uint8Array;
  readonly type: DescMessage;
  readonly bytes: Uint8Array;
  /** The message in ProtoJSON, fields under their proto names, those without presence always there. */
  readonly json: unknown;
}

type Syntax = "proto2" | "proto3" | "edition";
type DescriptorInit = MessageInitShape<typeof DescriptorProtoSchema>;
type FieldInit = MessageInitShape<typeof FieldDescriptorProtoSchema>;
type EnumInit = MessageInitShape<typeof EnumDescriptorProtoSchema>;

/** A declaration, and what a field of it may hold in ProtoJSON. `undefined`: not there. */
interface Member {
  readonly name: string;
  readonly text: string;
  readonly field: FieldInit;
  readonly nested?: readonly DescriptorInit[];
  readonly enums?: readonly EnumInit[];
  readonly values: fc.Arbitrary<unknown>;
}

const integer = (min: bigint, max: bigint): fc.Arbitrary<string> =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n)).map(String);
const signed32 = integer(-(2n ** 31n), 2n ** 31n - 1n);
const unsigned32 = integer(0n, 2n ** 32n - 1n);
const signed64 = integer(-(2n ** 63n), 2n ** 63n - 1n);
const unsigned64 = integer(0n, 2n ** 64n - 1n);
const special = fc.constantFrom("NaN", "Infinity", "-Infinity");
const text = fc.string({ unit: "binary" }).filter(isWellFormed);

/** By proto name: number in a descriptor, and values. */
const scalars: Readonly<Record<string, readonly [FieldType, fc.Arbitrary<unknown>]>> = {
  double: [FieldType.DOUBLE, fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), special)],
  float: [FieldType.FLOAT, fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), special)],
  int32: [FieldType.INT32, signed32.map(Number)],
  sint32: [FieldType.SINT32, signed32.map(Number)],
  sfixed32: [FieldType.SFIXED32, signed32.map(Number)],
  uint32: [FieldType.UINT32, unsigned32.map(Number)],
  fixed32: [FieldType.FIXED32, unsigned32.map(Number)],
  int64: [FieldType.INT64, signed64],
  sint64: [FieldType.SINT64, signed64],
  sfixed64: [FieldType.SFIXED64, signed64],
  uint64: [FieldType.UINT64, unsigned64],
  fixed64: [FieldType.FIXED64, unsigned64],
  bool: [FieldType.BOOL, fc.boolean()],
  string: [FieldType.STRING, fc.oneof(text, fc.constantFrom("__proto__", ""))],
  bytes: [FieldType.BYTES, fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString("base64"))],
};
const numbers = Object.keys(scalars).filter((name) => name !== "string" && name !== "bytes");
const keys: Readonly<Record<string, fc.Arbitrary<string>>> = {
  string: fc.oneof(text, fc.constantFrom("__proto__", "constructor", "")),
  bool: fc.boolean().map(String),
  int32: signed32,
  uint64: unsigned64,
  sint64: signed64,
  fixed32: unsigned32,
};

const colors: EnumInit = {
  name: "Color",
  value: ["NONE", "RED", "BLUE"].map((name, i) => ({ name, number: i === 2 ? -1 : i })),
};
const colorText = "enum Color { NONE = 0; RED = 1; BLUE = -1; }";
const colorNames = fc.constantFrom("NONE", "RED", "BLUE");

const singular = fc.oneof(
  fc.constantFrom(...Object.keys(scalars)).map((word) => {
    const [type, values] = scalars[word] as (typeof scalars)[string];
    return { word, init: { type }, values };
  }),
  fc.constant({ word: "Color", init: { type: FieldType.ENUM, typeName: ".t.Color" }, values: colorNames }),
);

const number = fc.oneof(
  fc.integer({ min: 1, max: 60 }),
  fc.integer({ min: 1, max: 18_999 }),
  fc.constantFrom(20_000, 536_870_911),
);
const { OPTIONAL, REPEATED, REQUIRED } = FieldDescriptorProto_Label;

type MakeMember = (name: string, number: number, scope: string, syntax: Syntax) => Member;

const scalarMember: fc.Arbitrary<MakeMember> = fc
  .tuple(singular, fc.constantFrom("plain", "optional", "repeated", "required", "unpacked"))
  .map(
    ([{ word, init, values }, shape]): MakeMember =>
      (name, number, _scope, syntax) => {
        const field = { name, number, jsonName: name, label: OPTIONAL, ...init };
        const maybe = fc.option(values, { nil: undefined });
        if (shape === "repeated" || shape === "unpacked") {
          const packable = shape === "unpacked" && (numbers.includes(word) || word === "Color");
          const list = fc.option(fc.array(values, { maxLength: 4 }), { nil: undefined });
          const options = !packable
            ? undefined
            : syntax === "edition"
              ? { features: { repeatedFieldEncoding: FeatureSet_RepeatedFieldEncoding.EXPANDED } }
              : { packed: syntax === "proto2" };
          const suffix = !packable
            ? ""
            : syntax === "edition"
              ? " [features.repeated_field_encoding = EXPANDED]"
              : ` [packed = ${syntax === "proto2"}]`;
          return {
            name,
            text: `repeated ${word} ${name} = ${number}${suffix};`,
            field: { ...field, label: REPEATED, options },
            values: list,
          };
        }
        if (syntax === "proto2") {
          const isRequired = shape === "required";
          return {
            name,
            text: `${isRequired ? "required" : "optional"} ${word} ${name} = ${number};`,
            field: isRequired ? { ...field, label: REQUIRED } : field,
            values: isRequired ? values : maybe,
          };
        }
        if (syntax === "edition") {
          const isImplicit = shape === "plain";
          return {
            name,
            text: `${word} ${name} = ${number}${isImplicit ? " [features.field_presence = IMPLICIT]" : ""};`,
            field: isImplicit
              ? { ...field, options: { features: { fieldPresence: FeatureSet_FieldPresence.IMPLICIT } } }
              : field,
            values: maybe,
          };
        }
        return { name, text: `${word} ${name} = ${number};`, field, values: maybe };
      },
  );

const mapMember: fc.Arbitrary<MakeMember> = fc.tuple(fc.constantFrom(...Object.keys(keys)), singular).map(
  ([key, { word, init, values }]): MakeMember =>
    (name, number, scope) => {
      const entry = `${name.replace(/^./, (letter) => letter.toUpperCase())}Entry`;
      const [keyType] = scalars[key] as (typeof scalars)[string];
      return {
        name,
        text: `map<${key}, ${word}> ${name} = ${number};`,
        field: {
          name,
          number,
          jsonName: name,
          label: REPEATED,
          type: FieldType.MESSAGE,
          typeName: `${scope}.${entry}`,
        },
        nested: [
          {
            name: entry,
            options: { mapEntry: true },
            field: [
              { name: "key", number: 1, jsonName: "key", label: OPTIONAL, type: keyType },
              { name: "value", number: 2, jsonName: "value", label: OPTIONAL, ...init },
            ],
          },
        ],
        values: fc
          .array(fc.tuple(keys[key] as fc.Arbitrary<string>, values), { maxLength: 3 })
          .map((entries) => Object.fromEntries(entries)),
      };
    },
);

interface MessageShape {
  readonly members: readonly (readonly [string, number, MakeMember])[];
  /** The first so many members, where they are single, stand in a oneof. */
  readonly oneof: number;
}

function messageMember(shape: MessageShape, repeated: boolean, delimited: boolean): MakeMember {
  return (name, number, scope, syntax) => {
    const inner = `M${name}`;
    const built = buildMessage(inner, shape, `${scope}.${inner}`, syntax);
    const isDelimited = delimited && syntax === "edition";
    const label = repeated ? "repeated " : syntax === "proto2" ? "optional " : "";
    const features = isDelimited
      ? { options: { features: { messageEncoding: FeatureSet_MessageEncoding.DELIMITED } } }
      : {};
    return {
      name,
      text: `${built.text}\n${label}${inner} ${name} = ${number}${isDelimited ? " [features.message_encoding = DELIMITED]" : ""};`,
      field: {
        name,
        number,
        jsonName: name,
        label: repeated ? REPEATED : OPTIONAL,
        type: FieldType.MESSAGE,
        typeName: `${scope}.${inner}`,
        ...features,
      },
      nested: [built.descriptor],
      values: fc.option<unknown, undefined>(repeated ? fc.array(built.values, { maxLength: 3 }) : built.values, {
        nil: undefined,
      }),
    };
  };
}

const shapes = fc.letrec<{ shape: MessageShape }>((tie) => {
  const nested = fc
    .tuple(tie("shape"), fc.boolean(), fc.boolean())
    .map(([shape, repeated, delimited]) => messageMember(shape, repeated, delimited));
  const member = fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    { weight: 4, arbitrary: scalarMember },
    mapMember,
    nested,
  );
  return {
    shape: fc.record({
      members: fc
        .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), number, member), {
          maxLength: 6,
          selector: ([name]) => name,
        })
        .map((list) => list.filter(([, one], i) => list.findIndex(([, other]) => other === one) === i)),
      oneof: fc.nat(2),
    }),
  };
}).shape;

/** Words that begin a declaration of another kind, or that the readers use. */
const reserved = ["oneof", "map", "group", "rpc", "syntax", "enum", "option", "extend"];

function buildMessage(
  name: string,
  shape: MessageShape,
  scope: string,
  syntax: Syntax,
): { text: string; descriptor: DescriptorInit; values: fc.Arbitrary<JsonObject> } {
  const members = shape.members
    .filter(([field]) => !reserved.includes(field))
    .map(([field, number, make]) => make(field, number, scope, syntax));
  const chosen = members
    .slice(0, shape.oneof)
    .filter(({ field, text }) => field.label === OPTIONAL && field.options === undefined && !text.includes("\n"));
  const picked = chosen.length > 1 ? chosen : [];
  const field = members.map((one) => (picked.includes(one) ? { ...one.field, oneofIndex: 0 } : one.field));
  const inside = picked.map((one) => one.text.replace(/^optional /, ""));
  const text = [
    `message ${name} {`,
    ...members.filter((one) => !picked.includes(one)).map((one) => one.text),
    ...(picked.length > 0 ? [`oneof pick { ${inside.join(" ")} }`] : []),
    "}",
  ].join("\n");
  const descriptor: DescriptorInit = {
    name,
    field,
    nestedType: members.flatMap((one) => one.nested ?? []),
    ...(picked.length > 0 ? { oneofDecl: [{ name: "pick" }] } : {}),
  };
  const values = fc.tuple(...members.map((one) => one.values)).map((list) => {
    const entries = members.map((one, i) => [one, list[i]] as const).filter(([, value]) => value !== undefined);
    // Of a oneof the last one alone is there.
    const last = entries.filter(([one]) => picked.includes(one)).at(-1)?.[0];
    return Object.fromEntries(
      entries.filter(([one]) => !picked.includes(one) || one === last).map(([one, value]) => [one.name, value]),
    ) as JsonObject;
  });
  return { text, descriptor, values };
}

const heads = { proto2: 'syntax = "proto2";', proto3: 'syntax = "proto3";', edition: 'edition = "2023";' } as const;

export const protoCase: fc.Arbitrary<ProtoCase> = fc
  .tuple(shapes, fc.constantFrom<Syntax>("proto2", "proto3", "edition"))
  .chain(([shape, syntax]) => {
    const { text, descriptor, values } = buildMessage("Row", shape, ".t.Row", syntax);
    const file = {
      ...{ name: "t.proto", package: "t", messageType: [descriptor], enumType: [colors] },
      ...(syntax === "edition" ? { syntax: "editions", edition: Edition.EDITION_2023 } : { syntax }),
    };
    const set = create(FileDescriptorSetSchema, { file: [file] });
    const type = createFileRegistry(set).getMessage("t.Row");
    if (type === undefined) throw new Error("no t.Row");
    return values.map((value): ProtoCase => {
      const message = fromJson(type, value);
      return {
        text: [heads[syntax], "package t;", colorText, text].join("\n"),
        descriptors: toBinary(FileDescriptorSetSchema, set),
        type,
        bytes: toBinary(type, message),
        json: toProtoJson(type, message),
      };
    });
  });

export function toProtoJson(type: DescMessage, message: Parameters<typeof toJson>[1]): unknown {
  return toJson(type, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
}
