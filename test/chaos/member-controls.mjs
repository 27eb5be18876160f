/**
 * Loaded into a member before its program (`node --import`), so that a test can shift the member's wall clock and slow
 * down or break its disk while it runs. Plain JavaScript: Node 20 takes no types. The file named by CHAOS_CONTROLS holds
 * JSON, as `member-controls.ts` writes it; a number of its own in it is written back once it is in force.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Level } from 'level';

const file = process.env.CHAOS_CONTROLS;
const lookEveryMs = 25;

let controls = { number: 0, clockOffsetMs: 0, writeDelayMs: 0, writeError: null };

const SystemDate = globalThis.Date;
const systemNow = SystemDate.now.bind(SystemDate);

/** A wall clock that jumps. Timers and `performance.now()` run on, as they do in a real jump. */
globalThis.Date = new Proxy(SystemDate, {
  construct(target, parts, made) {
    return Reflect.construct(target, parts.length === 0 ? [SystemDate.now()] : parts, made);
  },
  apply: () => new globalThis.Date().toString(),
});
SystemDate.now = () => systemNow() + controls.clockOffsetMs;

/** The store's only way to write. A slow write is slow as a whole, its sync with it. */
const writeBatch = Level.prototype._batch;
Level.prototype._batch = async function (...parts) {
  if (controls.writeDelayMs > 0) await sleep(controls.writeDelayMs);
  if (controls.writeError !== null) throw new Error(controls.writeError);
  return writeBatch.apply(this, parts);
};

function look() {
  let found;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (found.number === controls.number) return;
  controls = found;
  writeFileSync(`${file}.seen.new`, String(controls.number));
  renameSync(`${file}.seen.new`, `${file}.seen`);
}

if (file) {
  look();
  setInterval(look, lookEveryMs).unref();
}
