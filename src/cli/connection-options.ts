import { type Command, Option } from 'commander';
import { CommandError, exitCodes } from './exit-codes.ts';
import { type OutputFormat, outputOption } from './output.ts';
import type { Connection } from './registry-client.ts';

/** The flags that every client command has. */
export interface ConnectionFlags {
  readonly url: string;
  readonly token?: string;
  readonly timeout: string;
  readonly output: OutputFormat;
}

/** Where the registry is, who asks, and how to print. */
export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--url <URL,…>', 'the registry; several members are tried in turn')
        .env('MANIFEST_URL')
        .default('http://localhost:8500'),
    )
    .addOption(new Option('--token <TOKEN>', 'bearer token for writes').env('MANIFEST_AUTH_TOKEN'))
    .option('--timeout <SECONDS>', "how long to wait for a member's answer", '10')
    .addOption(outputOption());
}

/** @throws CommandError when a flag is not usable */
export function connectionFrom(flags: ConnectionFlags): Connection {
  const timeoutMs = Number(flags.timeout) * 1_000;
  if (!(timeoutMs >= 1 && timeoutMs <= 3_600_000)) {
    throw new CommandError(
      `--timeout must be a number of seconds from 0.001 to 3600, not "${flags.timeout}"`,
      exitCodes.usage,
    );
  }
  const urls = flags.url
    .split(',')
    .map((url) => url.trim().replace(/\/+$/, ''))
    .filter((url) => url !== '');
  for (const url of urls.length === 0 ? [''] : urls) {
    if (/^https?:\/\//i.test(url) && URL.canParse(url)) continue;
    throw new CommandError(`--url (or MANIFEST_URL) must be like http://localhost:8500, not "${url}"`, exitCodes.usage);
  }
  return { urls, token: flags.token || null, timeoutMs };
}
