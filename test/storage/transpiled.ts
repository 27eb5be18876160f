import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const project = join(import.meta.dirname, '../..');

/** Makes `test/storage/crash-writer.ts` and what it imports into plain JavaScript for a process of its own. @returns its path */
export function transpiledWriter(directory: string): string {
  const storage = readdirSync(join(project, 'src/storage')).map((name) => join('src/storage', name));
  const writer = 'test/storage/crash-writer.ts';
  for (const source of [...storage, 'src/codec/checksum.ts', 'test/storage/samples.ts', writer]) {
    const { outputText } = ts.transpileModule(readFileSync(join(project, source), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    });
    const target = join(directory, source.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(project, 'node_modules'), join(directory, 'node_modules'));
  return join(directory, writer.replace(/\.ts$/, '.js'));
}
