// SPDX-License-Identifier: Apache-2.0

// Generates src/gen from api/proto with protoc and the protoc-gen-es pinned in package-lock.json.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const protos = path.join(web, '..', 'api', 'proto');

execFileSync(
  'protoc',
  [
    `--plugin=protoc-gen-es=${path.join(web, 'node_modules', '.bin', 'protoc-gen-es')}`,
    `--es_out=${path.join(web, 'src', 'gen')}`,
    '--es_opt=target=ts',
    `-I${protos}`,
    'aeolus/query/v1/query.proto',
  ],
  { stdio: 'inherit' },
);
