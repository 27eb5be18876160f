import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryNetwork } from '../../src/transport/memory-transport.ts';
import { describeTransport } from './conformance.ts';
import { numbered, upTo } from './recorder.ts';
import { identityOf, type Member, Members, type TransportVariant, type World } from './world.ts';

function worldOf(network: MemoryNetwork): World {
  return {
    transport: (address, { protocolVersion, queue }: TransportVariant = {}) =>
      network.transport(address, {
        ...(protocolVersion !== undefined && { protocolVersion }),
        ...(queue && { limits: { queue } }),
      }),
  };
}

describeTransport('a transport in memory', async () =>
  worldOf(new MemoryNetwork((delayMs, deliver) => setTimeout(deliver, delayMs))),
);

/** Time that stands still until it is moved. */
class Schedule {
  #nowMs = 0;
  #jobs: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly after = (delayMs: number, run: () => void): void => {
    this.#jobs.push({ atMs: this.#nowMs + delayMs, run });
  };

  pass(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#jobs.filter(({ atMs }) => atMs <= untilMs).toSorted((one, other) => one.atMs - other.atMs)[0];
      if (!next) break;
      this.#jobs = this.#jobs.filter((job) => job !== next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = untilMs;
  }
}

describe('a network in memory', () => {
  let time: Schedule;
  let network: MemoryNetwork;
  let members: Members;
  let a: Member;
  let b: Member;
  beforeEach(async () => {
    time = new Schedule();
    network = new MemoryNetwork(time.after);
    members = new Members(worldOf(network));
    a = await members.start('a');
    b = await members.start('b');
  });
  afterEach(() => members.closeAll());

  it('delivers when time passes, never within send', () => {
    a.transport.send('b', numbered(1));
    expect(b.heard.numbers()).toStrictEqual([]);
    time.pass(0);
    expect(b.heard.numbers()).toStrictEqual([1]);
  });

  it('that is cut in one direction loses what goes there, tells the sender, and carries what comes back', () => {
    network.cut('a', 'b');
    a.transport.send('b', numbered(1));
    b.transport.send('a', numbered(2));
    time.pass(0);
    expect(b.heard.numbers()).toStrictEqual([]);
    expect(a.heard.numbers()).toStrictEqual([2]);
    expect(a.heard.unreachablePeers).toStrictEqual(['b']);
    expect(b.heard.unreachablePeers).toStrictEqual([]);
  });

  it('carries again what is sent after a cut was healed, that one or all of them', () => {
    network.cut('a', 'b');
    network.cut('b', 'a');
    network.heal('a', 'b');
    a.transport.send('b', numbered(1));
    b.transport.send('a', numbered(2));
    time.pass(0);
    expect([b.heard.numbers(), a.heard.numbers()]).toStrictEqual([[1], []]);
    network.heal();
    b.transport.send('a', numbered(3));
    time.pass(0);
    expect(a.heard.numbers()).toStrictEqual([3]);
  });

  it('loses what is under way when it is cut', () => {
    network.fate = () => [100];
    a.transport.send('b', numbered(1));
    time.pass(50);
    network.cut('a', 'b');
    time.pass(100);
    expect(b.heard.numbers()).toStrictEqual([]);
    expect(a.heard.unreachablePeers).toStrictEqual(['b']);
  });

  it('drops, delays, repeats and reorders as its fate decides', () => {
    const fates = [[], [10], [5, 20], [0]];
    network.fate = (from, to, message) => {
      expect([from, to, message.type]).toStrictEqual(['a', 'b', 'read-index-request']);
      return fates[message.type === 'read-index-request' ? message.context : 0] ?? [];
    };
    for (const number of upTo(4)) a.transport.send('b', numbered(number));
    time.pass(0);
    expect(b.heard.numbers()).toStrictEqual([3]);
    time.pass(9);
    expect(b.heard.numbers()).toStrictEqual([3, 2]);
    time.pass(100);
    expect(b.heard.numbers()).toStrictEqual([3, 2, 1, 2]);
    expect(a.heard.unreachablePeers).toStrictEqual([]);
    expect(a.transport.queuedBytes('b')).toBe(0);
  });

  it('loses what was under way to a process that another one has replaced', async () => {
    network.fate = () => [100];
    a.transport.send('b', numbered(1));
    await b.transport.close();
    const reborn = await members.start('b');
    time.pass(100);
    expect(reborn.heard.numbers()).toStrictEqual([]);
    expect(a.heard.unreachablePeers).toStrictEqual(['b']);
  });

  it('carries the same bytes that a later change of the message does not reach', () => {
    const entryData = Buffer.from('before');
    a.transport.send('b', { type: 'forward-commands', commands: [{ requestId: 'r', command: entryData }] });
    entryData.write('after!');
    time.pass(0);
    const [message] = b.heard.messages;
    const [received] = message?.type === 'forward-commands' ? message.commands : [];
    expect(Buffer.from(received?.command ?? []).toString()).toBe('before');
  });

  it('checks each message against the identity that its receiver started with', async () => {
    const c = network.transport('c');
    const other = identityOf('c', { clusterId: 'cluster-9' });
    await c.start(other, b.heard);
    a.transport.send('c', numbered(1));
    time.pass(0);
    expect(b.heard.refusals.map(({ peer }) => peer)).toStrictEqual(['a']);
    await c.close();
  });
});
