import { defineConfig } from 'vite';
import facts from './package.json' with { type: 'json' };

export default defineConfig({
  // Assets are asked for relative to the page, so that a pod may serve it below a path.
  base: './',
  build: {
    target: 'es2022',
    // The policy of the page forbids inline code and data: URLs; every asset stays a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  define: {
    __VERSION__: JSON.stringify(facts.version),
    __BUILD__: JSON.stringify(process.env['MUTTR_BUILD'] ?? ''),
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  optimizeDeps: {
    // The loader finds its wasm beside itself; pre-bundling would move one and not the other.
    exclude: ['muttr'],
  },
});
