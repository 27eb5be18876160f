import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Mutation, mutated } from './mutation.ts';

const project = join(import.meta.dirname, '../..');

/** What tests need. Dependencies are linked, nothing changes them. */
const parts = ['src', 'test', 'scripts', 'proto', 'clients', 'package.json', 'tsconfig.json', 'vitest.config.ts'];

/** A copy of the project in a directory of its own, so that no bug is ever put back into the project itself. */
export class ProjectCopy {
  readonly directory = mkdtempSync(join(tmpdir(), 'manifest-mutations-'));

  constructor() {
    for (const part of parts) {
      cpSync(join(project, part), join(this.directory, part), {
        recursive: true,
        filter: (path) => basename(path) !== '__pycache__',
      });
    }
    symlinkSync(join(project, 'node_modules'), join(this.directory, 'node_modules'));
  }

  /** Runs `body` while the bug is in the copy. @throws Error when the mutation does not fit its file */
  async with<T>(mutation: Mutation, body: () => Promise<T>): Promise<T> {
    const path = join(this.directory, mutation.file);
    const original = readFileSync(path, 'utf8');
    writeFileSync(path, mutated(original, mutation));
    try {
      return await body();
    } finally {
      writeFileSync(path, original);
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
