import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION } from '../../src/transport/transport.ts';
import { messageTypes, randomMessage, SeededRandom } from './random-messages.ts';
import { chunk, command, numbered, Recorder, upTo } from './recorder.ts';
import { connected, eventually, identityOf, Members, type World } from './world.ts';

/** What every transport has to do. @param makeWorld makes a fresh network for each test */
export function describeTransport(name: string, makeWorld: () => Promise<World>): void {
  describe(name, () => {
    let world: World;
    let members: Members;
    beforeEach(async () => {
      world = await makeWorld();
      members = new Members(world);
    });
    afterEach(() => members.closeAll());

    async function pair() {
      const [a, b] = await Promise.all([members.start('a'), members.start('b')]);
      await connected(a, 'b', b);
      return { a, b };
    }

    describe('delivers', () => {
      it('every kind of message as it was sent, with the name and the incarnation of its sender', async () => {
        const { a, b } = await pair();
        const random = new SeededRandom(1);
        const messages = messageTypes.map((type) => randomMessage(type, random));
        for (const message of messages) a.transport.send('b', message);
        await eventually('all of them', () => b.heard.received.length === messages.length);
        for (const message of messages) {
          expect(b.heard.received).toContainEqual({ from: 'a', incarnation: 'first-of-a', message });
        }
      });

      it('messages of one lane in their order and each once, over many turns of the loop', async () => {
        const { a, b } = await pair();
        for (let turn = 0; turn < 50; turn++) {
          for (const number of upTo(20)) a.transport.send('b', numbered(turn * 20 + number));
          a.transport.send('b', chunk(turn));
          await new Promise(setImmediate);
        }
        await eventually('1,050 messages', () => b.heard.received.length >= 1_050);
        expect(b.heard.numbers()).toStrictEqual(upTo(1_000));
        expect(b.heard.numbers('snapshots')).toStrictEqual(upTo(50));
        expect(a.heard.unreachablePeers).toStrictEqual([]);
      });

      it('in one direction although the other is silent', async () => {
        const { a, b } = await pair();
        for (const number of upTo(100)) a.transport.send('b', numbered(number));
        await eventually('all of them', () => b.heard.received.length === 100);
        expect(a.heard).toStrictEqual(new Recorder());
      });

      it('to each of two peers what is meant for it', async () => {
        const { a, b } = await pair();
        const c = await members.start('c');
        await connected(a, 'c', c);
        for (const number of upTo(100)) a.transport.send(number % 2 === 0 ? 'b' : 'c', numbered(number));
        await eventually('all of them', () => b.heard.received.length + c.heard.received.length === 100);
        expect(b.heard.numbers()).toStrictEqual(upTo(100).filter((number) => number % 2 === 0));
        expect(c.heard.numbers()).toStrictEqual(upTo(100).filter((number) => number % 2 === 1));
      });

      it('what was sent just before the sender closed', async () => {
        const { a, b } = await pair();
        for (const number of upTo(10)) a.transport.send('b', numbered(number));
        await a.transport.close();
        await eventually('all of them', () => b.heard.received.length === 10);
        expect(b.heard.numbers()).toStrictEqual(upTo(10));
      });
    });

    describe('a queue', () => {
      it('that is full drops the newest messages and says so once, and not within send', async () => {
        const queue = {
          exchange: { maxMessages: 10, maxBytes: 1e6 },
          snapshots: { maxMessages: 10, maxBytes: 1e6 },
        };
        const a = await members.start('a', { variant: { queue } });
        const b = await members.start('b');
        await connected(a, 'b', b);

        for (const number of upTo(100)) a.transport.send('b', numbered(number));
        expect(a.heard.unreachablePeers).toStrictEqual([]);
        await eventually('the report', () => a.heard.unreachablePeers.length > 0);
        await eventually('the ten that fit', () => b.heard.received.length >= 10);
        a.transport.send('b', numbered(1_000));
        await eventually('one sent later', () => b.heard.numbers().includes(1_000));
        expect(b.heard.numbers()).toStrictEqual([...upTo(10), 1_000]);
        expect(a.heard.unreachablePeers).toStrictEqual(['b']);
      });

      it('is bounded in bytes as well, and takes one message above the bound when it is empty', async () => {
        const queue = {
          exchange: { maxMessages: 1_000, maxBytes: 10_000 },
          snapshots: { maxMessages: 1_000, maxBytes: 10_000 },
        };
        const a = await members.start('a', { variant: { queue } });
        const b = await members.start('b');
        await connected(a, 'b', b);

        for (let count = 0; count < 10; count++) a.transport.send('b', command(4_000));
        await eventually('the two that fit', () => b.heard.received.length >= 2);
        await eventually('the report', () => a.heard.unreachablePeers.length > 0);
        await eventually('an empty queue', () => a.transport.queuedBytes('b') === 0);
        a.transport.send('b', command(50_000));
        await eventually('the large one', () => b.heard.received.length > 2);
        expect(b.heard.received.length).toBe(3);
      });

      it('tells how many bytes wait on both lanes, and none once they are gone', async () => {
        const { a, b } = await pair();
        a.transport.send('b', command(5_000));
        const onOneLaneBytes = a.transport.queuedBytes('b');
        expect(onOneLaneBytes).toBeGreaterThanOrEqual(5_000);
        a.transport.send('b', chunk(1, 7_000));
        expect(a.transport.queuedBytes('b')).toBeGreaterThanOrEqual(onOneLaneBytes + 7_000);
        expect(a.transport.queuedBytes('c')).toBe(0);
        await eventually('both', () => b.heard.received.length === 2);
        await eventually('an empty queue', () => a.transport.queuedBytes('b') === 0);
      });
    });

    describe('a peer', () => {
      it('that does not run, or that nobody knows, is reported as unreachable', async () => {
        const a = await members.start('a');
        a.transport.send('b', numbered(1));
        a.transport.send('nobody', numbered(2));
        expect(a.heard.unreachablePeers).toStrictEqual([]);
        await eventually('both reports', () => a.heard.unreachablePeers.length === 2);
        expect(a.heard.unreachablePeers.toSorted()).toStrictEqual(['b', 'nobody']);
      });

      it('that comes back at its address hears what is sent from then on, and nothing older', async () => {
        const { a, b } = await pair();
        await b.transport.close();
        await eventually('the end of the connection', () => a.heard.disconnectedPeers.includes('b'));
        a.transport.send('b', numbered(1));
        await eventually('the loss', () => a.heard.unreachablePeers.includes('b'));
        for (const number of upTo(50)) a.transport.send('b', numbered(number));

        const reborn = await members.start('b', { identity: { incarnation: 'second-of-b' } });
        await eventually('the first message', () => {
          if (reborn.heard.received.length === 0) a.transport.send('b', numbered(100));
          return reborn.heard.received.length > 0;
        });
        a.transport.send('b', numbered(101));
        await eventually('the last message', () => reborn.heard.numbers().includes(101));
        expect(new Set(reborn.heard.numbers())).toStrictEqual(new Set([100, 101]));

        await eventually('its answer', () => {
          if (a.heard.received.length === 0) reborn.transport.send('a', numbered(200));
          return a.heard.received.length > 0;
        });
        expect(a.heard.received[0]?.incarnation).toBe('second-of-b');
        expect(b.heard.received).toStrictEqual([]);
      });
    });

    describe('refuses, names and never hands on', () => {
      it('messages of another cluster', async () => {
        const a = await members.start('a', { identity: { clusterId: 'cluster-2' } });
        const b = await members.start('b');
        await refusal(a, b, 'a', ["'cluster-1'", "'cluster-2'"]);
      });

      it('messages for another member that used to be at this address', async () => {
        const a = await members.start('a');
        const b = await members.start('b', { identity: { nodeId: 'x' } });
        await refusal(a, b, 'a', ["'b'", "'x'"]);
      });

      it('messages of another version of the protocol', async () => {
        const a = await members.start('a', { variant: { protocolVersion: 99 } });
        const b = await members.start('b');
        await refusal(a, b, 'a', ['99', String(PROTOCOL_VERSION)]);
      });

      it('until the mistake is mended', async () => {
        const a = await members.start('a');
        const wrong = await members.start('b', { identity: { clusterId: 'cluster-2' } });
        await refusal(a, wrong, 'a', ["'cluster-2'"]);
        await wrong.transport.close();
        const right = await members.start('b');
        await connected(a, 'b', right);
      });

      async function refusal(
        a: Awaited<ReturnType<Members['start']>>,
        b: Awaited<ReturnType<Members['start']>>,
        sender: string,
        words: readonly string[],
      ) {
        await eventually('the refusal at both ends', () => {
          if (b.heard.refusals.length === 0) a.transport.send('b', numbered(1));
          return a.heard.refusals.length > 0 && b.heard.refusals.length > 0;
        });
        expect(a.heard.refusals[0]?.peer).toBe('b');
        expect(b.heard.refusals[0]?.peer).toBe(sender);
        for (const word of words) {
          expect(a.heard.refusals[0]?.reason).toContain(word);
          expect(b.heard.refusals[0]?.reason).toContain(word);
        }
        expect(b.heard.received).toStrictEqual([]);
        expect(a.heard.unreachablePeers).toContain('b');
      }
    });

    describe('a transport', () => {
      it('does not start where another one listens, and takes the address once that one has closed', async () => {
        const first = await members.start('a');
        const second = world.transport('a');
        await expect(second.start(identityOf('a'), new Recorder())).rejects.toThrow(
          /Cannot listen for peers on \S+: .*use/,
        );
        await second.close();
        await first.transport.close();
        await members.start('a');
      });

      it('starts once', async () => {
        const { transport } = await members.start('a');
        await expect(transport.start(identityOf('a'), new Recorder())).rejects.toThrow('starts once');
      });

      it('reports nothing and delivers nothing once it is closed, however often that is done', async () => {
        const { a, b } = await pair();
        const closing = b.transport.close();
        for (const number of upTo(100)) a.transport.send('b', numbered(number));
        await Promise.all([closing, b.transport.close()]);
        await b.transport.close();
        b.transport.send('a', numbered(1));
        await eventually('the loss', () => {
          a.transport.send('b', numbered(1));
          return a.heard.unreachablePeers.length > 0;
        });
        expect(b.heard).toStrictEqual(new Recorder());
        expect(a.heard.received).toStrictEqual([]);
      });

      it('may be closed before it was started', async () => {
        await world.transport('a').close();
      });
    });
  });
}
