import { hash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { curlOf, parameterOf } from '../../src/api/rest/request-example.ts';
import { Documented } from './documented.ts';
import { type RestFace, startInside } from './faces.ts';
import { type HttpAnswer, send } from './http.ts';

let face: RestFace;
let documented: Documented;
let page: HttpAnswer;
beforeEach(async () => {
  face = await startInside();
  documented = await Documented.at(face.url);
  page = await send(face.url, { path: '/docs' });
});
afterEach(() => face.close());

const textOf = (html: string) =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

test('is a page that runs nothing and fetches nothing, which browsers hold it to', () => {
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  const policy = page.headers['content-security-policy'] ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^ ]+'; img-src data:; /);
  expect(policy).not.toMatch(/unsafe|script-src|\*|https?:/);
  const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page.text) ?? [];
  expect(policy).toContain(`'sha256-${hash('sha256', style, 'base64')}'`);
  expect(page.text).not.toMatch(/<script|<img|<iframe|<object|\son\w+=|\sstyle=|\ssrc=|url\(|@import/i);
  const links = [...page.text.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href);
  expect(links.filter((href) => !href.startsWith('#')).toSorted()).toEqual(['data:,', 'v1/openapi.json']);
});

test('has every operation with its methods, paths, parameters and answers, and every schema', () => {
  const text = textOf(page.text);
  for (const { method, path, operation } of documented.operations) {
    const [, section = ''] = page.text.split(`<section id="${operation.operationId}">`);
    const own = textOf(section.split('</section>', 1)[0] ?? '');
    const parameters = operation.parameters.map((each) => parameterOf(documented.document, each).name);
    for (const part of [
      method,
      path,
      operation.summary,
      operation.description,
      'curl ',
      ...parameters.filter((name) => name !== 'X-Request-Id'),
      ...Object.keys(operation.responses),
    ]) {
      expect(own, operation.operationId).toContain(part);
    }
  }
  for (const name of Object.keys(documented.document.components.schemas)) expect(text).toContain(name);
});

test('is sound: every element is closed, and every link leads somewhere', () => {
  const open: string[] = [];
  for (const [, close, name = ''] of page.text.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
    if (['meta', 'link'].includes(name)) continue;
    if (close) expect(open.pop()).toBe(name);
    else open.push(name);
  }
  expect(open).toEqual([]);
  const ids = [...page.text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, id] of page.text.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(id);
});

test('shows every value as the text that it is', () => {
  expect(page.text).not.toMatch(/\[object Object\]|undefined|NaN/);
  expect(page.text).not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/);
});

test('writes its examples for a shell', () => {
  const example = { method: 'PUT', path: "/v1/a?b=it's", json: { text: "it's" }, streams: true };
  expect(curlOf(example, 'http://h:1')).toBe(
    `curl -N -X PUT 'http://h:1/v1/a?b=it'\\''s' \\\n  -H 'Content-Type: application/json' \\\n  -d '{"text":"it'\\''s"}'`,
  );
  expect(curlOf({ method: 'GET', path: '/v1/a', streams: false }, 'http://h:1')).toBe('curl http://h:1/v1/a');
});
