/** `node tooling/docker/main.mjs`: builds the images that apps/e2e runs in containers, on the engine that answers. */
import { fileURLToPath } from "node:url";
import { buildImages } from "./build-images.mjs";

const tags = await buildImages(fileURLToPath(new URL("../..", import.meta.url)), process.env, console.error);
console.log(tags.join("\n"));
