/**
 * Loaded into a member before its program (`node --import`). At SIGUSR2 it writes what the event loop's delay was since
 * the last time, and what is left in memory after a collection, to a file in BENCH_MONITOR_DIRECTORY, and begins anew.
 * Plain JavaScript: Node 20 takes no types.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const directory = process.env.BENCH_MONITOR_DIRECTORY;

/** How exactly the loop is looked at; a loop that is free shows this much, which is taken off. */
const resolutionMs = 1;

if (directory) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  process.on('SIGUSR2', () => {
    const delayMs = {
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99)),
      p999: ms(delay.percentile(99.9)),
      worst: ms(delay.max),
    };
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    const file = join(directory, `${process.pid}.json`);
    writeFileSync(`${file}.new`, JSON.stringify({ delayMs, heapBytes: heapUsed + external, residentBytes: rss }));
    renameSync(`${file}.new`, file);
    delay.reset();
  });
}
