// For users: what needs a file system.
export { fileCheckpoints } from "./file-checkpoint-store.js";
