import type { Mutation } from '../mutation.ts';

export const pythonClientMutations: readonly Mutation[] = [
  {
    trap: 34,
    title: 'Each try of a call has an id of its own',
    file: 'clients/python/src/chora_manifest_client/transport.py',
    search: '            "X-Request-Id": request_id,',
    replacement: '            "X-Request-Id": uuid.uuid4().hex,',
    caughtBy: [
      {
        test: 'clients/python/tests/test_failover.py',
        named: 'test_an_answer_that_may_get_better_is_asked_for_again_under_the_same_id',
      },
    ],
  },
  {
    trap: 35,
    title: 'A heartbeat that is answered after the stop registers the instance again',
    file: 'clients/python/src/chora_manifest_client/heart.py',
    search:
      '            if self._is_over():\n                return Beat(is_last=True)\n            self._registration = self._leases.register(',
    replacement: '            self._registration = self._leases.register(',
    caughtBy: [{ test: 'clients/python/tests/test_heart.py' }],
  },
  {
    trap: 35,
    title: 'A heartbeat takes the instance back from whoever registered it last',
    file: 'clients/python/src/chora_manifest_client/heart.py',
    search: 'if registration is not None and registration.maybe_doubled:',
    replacement: 'if registration is not None:',
    caughtBy: [
      {
        test: 'clients/python/tests/test_heartbeats.py',
        named: 'test_leaves_the_instance_to_whoever_registered_it_last',
      },
    ],
  },
  {
    trap: 36,
    title: 'An empty answer that nothing confirms takes the place of a full one',
    file: 'clients/python/src/chora_manifest_client/answers.py',
    search: 'if known is not None and known.records and not answer.records and not _confirms(answer, known):',
    replacement: 'if known is None and not _confirms(answer, answer):',
    caughtBy: [
      {
        test: 'clients/python/tests/test_cached_registry.py',
        named: 'test_an_empty_answer_that_nothing_confirms_does_not_replace_a_full_one',
      },
    ],
  },
  {
    trap: 36,
    title: 'An empty answer of an older revision counts as confirmed',
    file: 'clients/python/src/chora_manifest_client/answers.py',
    search: 'return known.revision is None or empty.revision >= known.revision',
    replacement: 'return True',
    caughtBy: [
      {
        test: 'clients/python/tests/test_cached_registry.py',
        named: 'test_an_empty_answer_that_nothing_confirms_does_not_replace_a_full_one',
      },
    ],
  },
];
