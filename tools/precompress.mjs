// tools/precompress.mjs DIR: puts FILE.br and FILE.gz beside every file of the built app that gains by it; confabd sends
// them to browsers that take them, so nothing is compressed at run time.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const TEXT = /\.(html|js|css|svg|json|webmanifest|txt|map|wasm)$/;
const dir = process.argv[2];
for (const name of readdirSync(dir, { recursive: true })) {
  const path = join(dir, name);
  if (!TEXT.test(name) || !statSync(path).isFile()) continue;
  const bytes = readFileSync(path);
  const br = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  if (br.length < bytes.length) writeFileSync(`${path}.br`, br);
  const gz = gzipSync(bytes, { level: 9 });
  if (gz.length < bytes.length) writeFileSync(`${path}.gz`, gz);
}
