// SPDX-License-Identifier: Apache-2.0

// Writes dist/stamp.sha256: a hash over everything that the build is made from. embed_test.go computes the same.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const roots = ['index.html', 'package-lock.json', 'package.json', 'public', 'scripts', 'src', 'tsconfig.json', 'vite.config.ts'];

function files(name) {
  const full = path.join(web, name);
  try {
    return readdirSync(full, { withFileTypes: true }).flatMap((entry) => files(`${name}/${entry.name}`));
  } catch (error) {
    if (error.code === 'ENOTDIR') return [name];
    throw error;
  }
}

const hash = createHash('sha256');
const sources = roots.flatMap(files).filter((name) => !name.startsWith('src/test/') && !/\.test\.tsx?$/.test(name));
for (const name of sources.sort((a, b) => (a < b ? -1 : 1))) {
  const content = readFileSync(path.join(web, name));
  hash.update(`${name}\0${content.length}\0`);
  hash.update(content);
}
writeFileSync(path.join(web, 'dist', 'stamp.sha256'), `${hash.digest('hex')}\n`);
