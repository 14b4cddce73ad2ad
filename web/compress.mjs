// After the build: X.gz beside every file of dist that gets smaller by it, for the server to hand out as it is.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = join(import.meta.dirname, 'dist');
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue;
  const file = join(entry.parentPath, entry.name);
  const plain = readFileSync(file);
  const packed = gzipSync(plain, { level: 9 });
  if (packed.length < plain.length * 0.9) writeFileSync(`${file}.gz`, packed);
}
