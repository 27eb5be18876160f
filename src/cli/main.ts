#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { wantsColour } from './command-io.ts';
import { exitCodes } from './exit-codes.ts';
import { runCommandLine } from './program.ts';

const standardInput = 0;

// Whoever reads the output may stop early, as `head` does: no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failure);
});

const exitCode = await runCommandLine(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  readInput: () => readFileSync(standardInput, 'utf8'),
  colour: wantsColour(process.stdout, process.env),
  isTerminal: process.stdout.isTTY === true,
  signals: process,
});
// A member that failed may still hold sockets and timers: the process ends when its last words are out.
process.stdout.write('', () => process.exit(exitCode));
