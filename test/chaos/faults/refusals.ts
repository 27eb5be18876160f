import { waitFor } from '../../process/wait-for.ts';
import { nameOf, type Scene } from '../fault.ts';

const patienceMs = 60_000;

/** Waits until a running member has ended with an error and a word about it. @throws when it goes on */
export async function endsByItself({ cluster, traffic }: Scene, member: number, words: RegExp): Promise<void> {
  await waitFor(() => (cluster.processes.isRunning(member) ? undefined : true), {
    timeoutMs: patienceMs,
    what: `${nameOf(member)} to end by itself with ${words}`,
  });
  const code = await cluster.processes.exited(member);
  if (code === 0 || code === null) traffic.violation(`${nameOf(member)} ended with ${code}, as if all were well`);
  try {
    // What it wrote may still be on its way into the file.
    await waitFor(() => (words.test(cluster.logSinceStart(member)) ? true : undefined), {
      timeoutMs: 5_000,
      what: `${nameOf(member)} to say ${words}`,
    });
  } catch {
    traffic.violation(`${nameOf(member)} ended without saying ${words}: ${cluster.logSinceStart(member).slice(-500)}`);
  }
}

/** Starts a member that must not take part, and waits until it has said so and ended. */
export async function refusesToStart(scene: Scene, member: number, words: RegExp): Promise<void> {
  scene.cluster.startMember(member);
  await endsByItself(scene, member, words);
}
