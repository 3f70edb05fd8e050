import { expect, test } from 'vitest';
import type { Client } from '../src/xmpp/client';
import { exportAddress } from '../src/xmpp/mod/export';
import { NS } from '../src/xmpp/ns';
import { x } from '../src/xmpp/xml';

const asked = (url: string | undefined) =>
  exportAddress({ iq: async () => x('export', { xmlns: NS.export, url }) } as unknown as Client);

test('the address of one’s copy is one that can be loaded, or none', async () => {
  expect(await asked('https://example.org/export/abc/mia.xml')).toBe('https://example.org/export/abc/mia.xml');
  for (const wrong of [
    'javascript:alert(1)',
    'data:text/html,x',
    '',
    '/export/abc',
    'https://a:b@example.org/x',
    undefined,
  ])
    await expect(asked(wrong)).rejects.toThrow();
});
