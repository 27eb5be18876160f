import { defineConfig } from 'vitest/config';

/** `npm run coverage`: which branches of the two pure folders the tests that need no process take together. */
export default defineConfig({
  test: {
    include: ['test/raft/**/*.test.ts', 'test/registry/**/*.test.ts', 'test/branches/simulated-seeds.ts'],
    // Measuring makes everything slower.
    testTimeout: 120_000,
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['src/raft/**', 'src/registry/**'],
      reporter: ['text', 'json'],
      reportsDirectory: 'coverage',
      thresholds: { 'src/raft/**': { branches: 98 }, 'src/registry/**': { branches: 98 } },
    },
  },
});
