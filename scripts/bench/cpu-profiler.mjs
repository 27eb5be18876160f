/**
 * Loaded into a member before its program (`node --import`): profiles it from SIGUSR2 on and leaves the profile in
 * BENCH_PROFILE_DIRECTORY when it ends by itself. (`--cpu-prof` cannot be given to a member by its environment.)
 * Plain JavaScript: Node 20 takes no types.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const directory = process.env.BENCH_PROFILE_DIRECTORY;

if (directory) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  let isRunning = false;
  process.on('SIGUSR2', () => {
    if (!isRunning) session.post('Profiler.start');
    isRunning = true;
  });
  process.on('exit', () => {
    if (!isRunning) return;
    // On the same thread, the answer comes before `post` returns.
    session.post('Profiler.stop', (error, result) => {
      if (error) throw error;
      writeFileSync(join(directory, `member-${process.pid}.cpuprofile`), JSON.stringify(result.profile));
    });
  });
}
