import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The images that the lane builds: tooling/docker/build-images.mjs. */
export const images = {
  server: (series: string): string => `nats-e2e-server:${series}`,
  cli: "nats-e2e-cli",
  /** What docker/compose.yaml pulls. */
  compose: "nats-e2e-compose",
  /** Not there where it cannot be had. */
  prometheus: "nats-e2e-prometheus",
} as const;

/** Runs `docker …` and gives what it prints. Rejects with the command and what it says against it. */
export async function docker(...args: readonly string[]): Promise<string> {
  try {
    return (await run("docker", args, { maxBuffer: 256 * 1024 * 1024 })).stdout.trim();
  } catch (error) {
    throw new Error(`docker ${args.join(" ")}: ${(error as { stderr?: string }).stderr?.trim()}`, { cause: error });
  }
}

export interface DockerNetwork extends AsyncDisposable {
  readonly name: string;
  /** A fixed address, so that a container comes back where it was. */
  addressOf(n: number): string;
}

/** A bridge network with a subnet that nobody uses: the one that Docker would have chosen. */
export async function createNetwork(name: string): Promise<DockerNetwork> {
  for (let attempt = 1; ; attempt++) {
    await docker("network", "create", name);
    const subnet = await docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", name);
    await docker("network", "rm", name);
    try {
      await docker("network", "create", "--subnet", subnet, name);
    } catch (error) {
      // Somebody else was given it in the meantime.
      if (attempt < 5) continue;
      throw error;
    }
    const prefix = subnet.split(".").slice(0, 3).join(".");
    return {
      name,
      addressOf: (n) => `${prefix}.${n}`,
      [Symbol.asyncDispose]: async () => void (await docker("network", "rm", name)),
    };
  }
}
