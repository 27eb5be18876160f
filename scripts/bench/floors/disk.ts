import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import type { Latency } from '../load/load.ts';
import { latencyOf } from '../percentiles.ts';

export interface DiskFloor {
  readonly perSecond: number;
  readonly latencyMs: Latency;
}

/** About what one registration adds to a log. */
const record = Buffer.alloc(512, 'x');

/** One append and one fdatasync after the other. */
export async function measureFdatasync(directory: string, durationMs: number): Promise<DiskFloor> {
  const descriptor = openSync(join(directory, 'fdatasync'), 'a');
  try {
    return await repeat(durationMs, () => {
      writeSync(descriptor, record);
      fdatasyncSync(descriptor);
    });
  } finally {
    closeSync(descriptor);
  }
}

/** One synced batch of one record after the other, as LevelDB does it without anything of ours around. */
export async function measureLevelBatch(directory: string, durationMs: number): Promise<DiskFloor> {
  const level = new Level<string, Buffer>(join(directory, 'level'), { valueEncoding: 'buffer' });
  await level.open();
  try {
    let key = 0;
    return await repeat(durationMs, () =>
      level.batch([{ type: 'put', key: String(key++).padStart(12, '0'), value: record }], { sync: true }),
    );
  } finally {
    await level.close();
  }
}

async function repeat(durationMs: number, once: () => void | Promise<void>): Promise<DiskFloor> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  let beforeMs = startMs;
  while (beforeMs - startMs < durationMs) {
    await once();
    const nowMs = performance.now();
    latenciesMs.push(nowMs - beforeMs);
    beforeMs = nowMs;
  }
  const seconds = (beforeMs - startMs) / 1_000;
  return { perSecond: latenciesMs.length / seconds, latencyMs: latencyOf(Float64Array.from(latenciesMs)) };
}
