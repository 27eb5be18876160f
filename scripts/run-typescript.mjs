/**
 * Lets Node 20 run the programs in this folder and in test/ as they stand: `node --import ./scripts/run-typescript.mjs FILE.ts`.
 * Types are taken out and nothing is checked; `npm run typecheck` does that.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

/** By what a file holds, so that nothing in it can be out of date: most of a program's start was spent on this. */
const cache = fileURLToPath(new URL('../node_modules/.cache/run-typescript/', import.meta.url));

/** Called by Node, in its thread for loading modules. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  return { format: 'module', shortCircuit: true, source: await javascriptOf(fileURLToPath(url)) };
}

async function javascriptOf(path) {
  const text = readFileSync(path, 'utf8');
  // The map in it names the file.
  const cached = `${cache}${createHash('sha256').update(`${path}\n${text}`).digest('hex')}.mjs`;
  try {
    return readFileSync(cached, 'utf8');
  } catch {
    const { default: typescript } = await import('typescript');
    const { ModuleKind, ScriptTarget } = typescript;
    const { outputText } = typescript.transpileModule(text, {
      fileName: path,
      compilerOptions: {
        target: ScriptTarget.ES2023,
        module: ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        inlineSourceMap: true,
      },
    });
    keep(cached, outputText);
    return outputText;
  }
}

/** Whole or not at all, for several programs may start at once. Where nothing can be written, nothing is kept. */
function keep(path, text) {
  try {
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, text);
    renameSync(`${path}.${process.pid}`, path);
  } catch {}
}
