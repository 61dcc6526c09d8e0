import type { ArroyoDocument } from "./document.js";

/** Profiles: untagged authentication. */
export const profiles: readonly ArroyoDocument[] = [
  { pins: "no authentication", kind: "profile", stored: { servers: "a:4222", authentication: {} }, loaded: {} },
  {
    pins: "null authentication",
    kind: "profile",
    stored: { servers: "a", authentication: null },
    loaded: { type: "none" },
  },
  {
    pins: "credentials by their fields",
    kind: "profile",
    stored: { servers: "a,b", authentication: { username: "u", password: "{{ P }}" } },
    loaded: { username: "u", password: "{{ P }}" },
  },
  {
    pins: "a JWT with nkeySeed, as profile.json has it",
    kind: "profile",
    stored: { servers: "a", authentication: { jwt: "{{ J }}", nkeySeed: "{{ S }}" } },
    loaded: { jwt: "{{ J }}", nkeySeed: "{{ S }}" },
  },
  {
    pins: "a JWT with nkey_seed",
    kind: "profile",
    stored: { servers: "a", authentication: { jwt: "{{ J }}", nkey_seed: "{{ S }}" } },
    loaded: { jwt: "{{ J }}", nkey_seed: "{{ S }}" },
  },
  {
    pins: "servers are required",
    kind: "profile",
    stored: { authentication: {} },
    refused: ["OPTION_INVALID", "connection.servers"],
  },
  {
    pins: "a password is required",
    kind: "profile",
    stored: { servers: "a", authentication: { username: "u" } },
    refused: ["OPTION_MISSING", "auth.password"],
  },
  {
    pins: "a seed is required",
    kind: "profile",
    stored: { servers: "a", authentication: { jwt: "x" } },
    refused: ["OPTION_MISSING", "auth.nkey_seed"],
  },
  {
    pins: "an unknown secret is refused without its value",
    kind: "profile",
    stored: { servers: "a", authentication: { username: "u", pasword: "hunter2" } },
    refused: ["OPTION_INVALID", "auth.pasword"],
  },
  {
    pins: "authentication of the wrong kind",
    kind: "profile",
    stored: { servers: "a", authentication: "hunter2" },
    refused: ["OPTION_INVALID", "connection.authentication"],
  },
  {
    pins: "an unknown field of a profile",
    kind: "profile",
    stored: { server: "a", servers: "a", authentication: {} },
    refused: ["OPTION_INVALID", "connection"],
  },
];
