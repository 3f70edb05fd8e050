// A certificate authority for one test run, and a certificate of it for the domain: real clients want real trust.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCa {
  /** A folder that holds nothing but the authority's certificate, hashed as OpenSSL looks it up. */
  readonly folder: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  remove(): void;
}

export function makeCa(domain: string): TestCa {
  const dir = mkdtempSync(join(tmpdir(), 'confab-ca-'));
  const folder = mkdtempSync(join(tmpdir(), 'confab-trust-'));
  const at = (name: string) => join(dir, name);
  const remove = () => {
    for (const d of [dir, folder]) rmSync(d, { recursive: true, force: true });
  };
  const ca = join(folder, 'ca.pem');
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-keyout',
    at('ca.key'),
    '-out',
    ca,
  );
  openssl('req', ...key, '-subj', `/CN=${domain}`, '-keyout', at('server.key'), '-out', at('server.csr'));
  writeFileSync(at('ext'), `subjectAltName=DNS:${domain},DNS:groups.${domain}\nextendedKeyUsage=serverAuth\n`);
  openssl(
    'x509',
    '-req',
    '-in',
    at('server.csr'),
    '-CA',
    ca,
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    at('ext'),
    '-out',
    at('server.pem'),
  );
  openssl('rehash', folder);
  return { folder, ca, certificate: at('server.pem'), key: at('server.key'), remove };
}
