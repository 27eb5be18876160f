import type { Mutation } from '../mutation.ts';

const view = { file: 'src/client/service-view.ts' };
const kept = { file: 'src/client/kept-registration.ts' };
const position = { file: 'src/client/watch-position.ts' };
const caughtByViewTest = (named: string) => ({ caughtBy: [{ test: 'test/client/service-view.test.ts', named }] });
const caughtByKeptTest = (named: string) => ({ caughtBy: [{ test: 'test/client/kept-registration.test.ts', named }] });

export const typescriptClientMutations: readonly Mutation[] = [
  {
    ...kept,
    trap: 35,
    title: 'A registration of its own that arrives late is taken for another process',
    search: '      if (this.#mayBeDoubled) return this.#registerAgain();\n',
    replacement: '',
    ...caughtByKeptTest('takes a second registration of its own for its own, when the first arrives late'),
  },
  {
    ...kept,
    trap: 35,
    title: 'Nobody knows that a first registration may come twice',
    search: '        if (doubled) kept.#noteDoubled();\n',
    replacement: '',
    ...caughtByKeptTest('takes a second registration of its own for its own, when the first arrives late'),
  },
  {
    ...kept,
    trap: 35,
    title: 'Nobody knows that a later registration may come twice',
    search: 'this.#keeping.register(body, {}, () => this.#noteDoubled());',
    replacement: 'this.#keeping.register(body, {}, () => {});',
    ...caughtByKeptTest('takes a second registration for its own also where it was registered again'),
  },
  {
    file: 'src/client/caller.ts',
    trap: 35,
    title: 'A call does not tell that it may happen twice',
    search: '      if (last.mayHaveHappened) rules.mayHappenTwice?.();\n',
    replacement: '',
    ...caughtByKeptTest('takes a second registration of its own for its own, when the first arrives late'),
  },
  {
    ...kept,
    trap: 35,
    title: 'Who stops leaves the late double of his registration behind',
    search: 'const fence = this.#mayBeDoubled ? {} : { lease_id: this.leaseId };',
    replacement: 'const fence = { lease_id: this.leaseId };',
    ...caughtByKeptTest('leaves nothing behind when it is stopped'),
  },
  {
    ...kept,
    trap: 35,
    title: 'Who stops takes out what another process has registered',
    search: 'const fence = this.#mayBeDoubled ? {} : { lease_id: this.leaseId };',
    replacement: 'const fence = {};',
    ...caughtByKeptTest('leaves to another process what that has registered'),
  },
  {
    ...kept,
    trap: 35,
    title: 'Who stops does not wait for a registration under way',
    search: "    if (wasKept) this.#end('stopped');\n    await this.#registering;\n",
    replacement: "    if (wasKept) this.#end('stopped');\n",
    ...caughtByKeptTest('while it is being registered again, and is not listed afterwards'),
  },
  {
    ...kept,
    trap: 35,
    title: 'An update makes its own heartbeat look like that of a process that was replaced',
    search: '      if (this.#registering || this.leaseId !== leaseId) return;\n',
    replacement: '',
    ...caughtByKeptTest('is not taken for superseded by its own update'),
  },
  {
    ...view,
    trap: 36,
    title: 'A view believes an empty state of an earlier revision',
    search: 'if (whole.size === 0 && this.#served.size > 0 && revision < (this.#revision ?? 0)) {',
    replacement: 'if (whole.size === 0 && this.#served.size > 0 && revision < -1) {',
    ...caughtByViewTest('doubts an empty answer that is older than the full one'),
  },
  {
    ...view,
    trap: 36,
    title: 'A view in doubt calls itself level',
    search: '    if (this.#doubted) return;\n    this.#revision = revision;',
    replacement: '    this.#revision = revision;',
    ...caughtByViewTest('doubts an empty answer that is older than the full one'),
  },
  {
    ...view,
    trap: 36,
    title: 'A view stays in doubt behind a whole state',
    search: '    this.#arriving = null;\n    this.#forgetDoubt();\n    if (whole',
    replacement: '    this.#arriving = null;\n    if (whole',
    ...caughtByViewTest('forgets its doubt when a whole answer comes after it'),
  },
  {
    ...view,
    trap: 36,
    title: 'A view serves a state before all of it has arrived',
    search: '        this.#arriving.set(event.record);\n        return;',
    replacement: '        this.#arriving.set(event.record);\n        this.#replace(this.#arriving);\n        return;',
    ...caughtByViewTest('replaces a full answer after `compacted` only when the whole new one is there'),
  },
  {
    ...view,
    trap: 36,
    title: 'A view mixes a part of one state with another',
    search: '        this.#arriving = new InstanceTable();\n        return;',
    replacement: '        return;',
    ...caughtByViewTest('replaces a full answer after `compacted` only when the whole new one is there'),
  },
  {
    ...view,
    trap: 36,
    title: 'A new watch of a view goes on with a part of the state of the last one',
    search: '    this.#arriving = null;\n    if (this.#position',
    replacement: '    if (this.#position',
    ...caughtByViewTest('mixes no part of a state that was cut off'),
  },
  {
    ...position,
    trap: 37,
    title: 'A client that was cut off within a state resumes behind all of it',
    search: 'this.#from = this.#hasPartialState ? undefined : this.#lastRevision;',
    replacement: 'this.#from = this.#lastRevision;',
    ...caughtByViewTest('replaces a full answer after `compacted` only when the whole new one is there'),
  },
  {
    ...position,
    trap: 37,
    title: 'A client does not say that a state begins anew',
    search: "return startsOver ? [{ type: 'compacted', revision: this.#lastRevision }, event] : [event];",
    replacement: 'return [event];',
    ...caughtByViewTest('replaces a full answer after `compacted` only when the whole new one is there'),
  },
  {
    trap: null,
    title: 'What ends a wait is held by nobody but the garbage collector',
    file: 'src/client/ending.ts',
    search: '    return this.#controller.signal;',
    replacement:
      '    return (this.#any ??= AbortSignal.any([...this.#sources, AbortSignal.timeout(60)]));\n  }\n\n  #any: AbortSignal | undefined;\n  get #own(): AbortSignal {\n    return this.#controller.signal;',
    // Where Node's own is held: 22 and 24 hold it.
    caughtBy: [{ test: 'test/client/ending.test.ts', named: 'the garbage collector came by' }],
  },
];
