import { type Command, Option } from 'commander';
import { CommandError, exitCodes } from './exit-codes.ts';
import { durationMsOf } from './flag-values.ts';
import { type OutputFormat, outputOption } from './output.ts';
import type { Connection } from './registry-client.ts';

export interface AddressFlags {
  readonly url: string;
  readonly token?: string;
}

/** The flags that nearly every client command has. */
export interface ConnectionFlags extends AddressFlags {
  readonly timeout: string;
  readonly output: OutputFormat;
}

const answerTimeout = '10s';

/** Where the registry is, who asks, and how to print. @param formats the first is the standard one */
export function addConnectionOptions(
  command: Command,
  formats: readonly OutputFormat[] = ['table', 'json', 'yaml'],
): Command {
  return addAddressOptions(command)
    .option('--timeout <TIME>', "how long to wait for a member's answer", answerTimeout)
    .addOption(outputOption(formats));
}

/** Where the registry is, and who asks. */
export function addAddressOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--url <URL,…>', 'the registry; several members are tried in turn')
        .env('MANIFEST_URL')
        .default('http://localhost:8500'),
    )
    .addOption(new Option('--token <TOKEN>', 'bearer token for writes').env('MANIFEST_AUTH_TOKEN'));
}

/** @throws CommandError when a flag is not usable */
export function connectionFrom(flags: AddressFlags & { readonly timeout?: string }): Connection {
  const timeoutMs = durationMsOf(flags.timeout ?? answerTimeout, '--timeout');
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
