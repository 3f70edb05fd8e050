// The README's picture, made anew: npm run picture
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['e2e/picture.ts'], testTimeout: 240_000, hookTimeout: 240_000 },
});
