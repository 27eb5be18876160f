import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/config/logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void, level = 'info'): string[] {
  const lines: string[] = [];
  write(createLogger(level, { node: 'node-1' }, { write: (line) => lines.push(line) }));
  return lines;
}

describe('the log', () => {
  it('is one JSON object a line, with the time in RFC 3339 and what it was bound to', () => {
    const [line = ''] = logged((logger) => logger.info({ port: 8500 }, 'serving'));
    expect(JSON.parse(line)).toMatchObject({ level: 30, node: 'node-1', port: 8500, msg: 'serving' });
    expect(JSON.parse(line).time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('keeps to its level', () => {
    expect(logged((logger) => logger.info('quiet'), 'warn')).toEqual([]);
  });

  it.each([
    { authorization: 'hush-hush' },
    { token: 'hush-hush' },
    { authToken: 'hush-hush' },
    { 'auth-token': 'hush-hush' },
    { headers: { authorization: 'hush-hush' } },
    { headers: { Authorization: 'hush-hush' } },
    { options: { 'auth-token': 'hush-hush' } },
    { req: { headers: { authorization: 'hush-hush' } } },
  ])('never shows the secret in %j', (fields) => {
    const [line = ''] = logged((logger) => logger.info(fields, 'a request'));
    expect(line).toContain('(secret)');
    expect(line).not.toContain('hush-hush');
  });
});
