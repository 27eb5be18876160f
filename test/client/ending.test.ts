import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ending } from '../../src/client/ending.ts';

describe('an ending', () => {
  it('comes with the first of its sources, for that one’s reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const ending = new Ending([one.signal, undefined, other.signal]);
    expect(ending.signal.aborted).toBe(false);
    other.abort('because');
    one.abort('later');
    expect(ending.signal.reason).toBe('because');
    expect(ending.timedOut).toBe(false);
  });

  it('is there at once where a source was aborted before', () => {
    expect(new Ending([AbortSignal.abort('before')], 5).signal.reason).toBe('before');
  });

  describe('in time', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('comes when the time is up, and not before', () => {
      const ending = new Ending([], 99.5);
      vi.advanceTimersByTime(99);
      expect(ending.signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(ending.signal.reason).toMatchObject({ name: 'TimeoutError' });
      expect(ending.timedOut).toBe(true);
    });

    it('takes a time that is longer than timers can be', () => {
      const ending = new Ending([], Number.POSITIVE_INFINITY);
      vi.advanceTimersByTime(1_000);
      expect(ending.signal.aborted).toBe(false);
      ending.release();
    });

    it('neither comes nor holds a timer once it is released', () => {
      const source = new AbortController();
      const ending = new Ending([source.signal], 5);
      ending.release();
      expect(vi.getTimerCount()).toBe(0);
      source.abort();
      expect(ending.signal.aborted).toBe(false);
    });

    it('holds no timer once a source was aborted', () => {
      const source = new AbortController();
      const ending = new Ending([source.signal], 5);
      source.abort();
      expect(vi.getTimerCount()).toBe(0);
      expect(ending.timedOut).toBe(false);
    });
  });

  it('comes though the garbage collector came by and only the one who waits holds it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const collecting = setInterval(collect, 5);
    try {
      await new Promise<void>((resolve) => {
        new Ending([new AbortController().signal], 60).signal.addEventListener('abort', () => resolve());
      });
    } finally {
      clearInterval(collecting);
    }
  });
});
