// How a client finds the WebSocket (XEP-0156), and the other things that HTTP serves.

import http from 'node:http';
import https from 'node:https';
import { describe, expect, test } from 'vitest';
import { parseDocument, useServer } from './harness/index.ts';

const stage = useServer();

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

function request(secure: boolean, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { Host: stage.domain, ...headers };
    const take = (res: http.IncomingMessage) => {
      let body = '';
      res.setEncoding('utf8');
      res.on('data', (d: string) => {
        body += d;
      });
      res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body }));
    };
    const common = { host: '127.0.0.1', path, method, headers: all, agent: false as const };
    const req = secure
      ? https.request({ ...common, port: stage.ports.https, servername: stage.domain, rejectUnauthorized: false }, take)
      : http.request({ ...common, port: stage.ports.http }, take);
    req.on('error', reject);
    req.end();
  });
}

const WEBSOCKET = 'urn:xmpp:alt-connections:websocket';

describe.each([true, false])('host-meta, https: %s', (secure) => {
  test('as XRD', async () => {
    const a = await request(secure, '/.well-known/host-meta');
    expect(a.status).toBe(200);
    expect(a.headers['access-control-allow-origin']).toBe('*');
    expect(a.headers['content-type']).toMatch(/^application\/xrd\+xml/);
    const xrd = parseDocument(a.body.replace(/^<\?xml[^>]*\?>\s*/, ''));
    expect(xrd.name).toBe('XRD');
    expect(xrd.ns).toBe('http://docs.oasis-open.org/ns/xri/xrd-1.0');
    const links = xrd.all('Link').filter((l) => l.need('rel').startsWith('urn:xmpp:alt-connections:'));
    expect(links.some((l) => l.attr('rel') === WEBSOCKET)).toBe(true);
    for (const l of links) expect(l.need('href')).toMatch(/^(wss|https):\/\/[^/]+\/xmpp$/);
  });

  test('as JSON', async () => {
    const a = await request(secure, '/.well-known/host-meta.json');
    expect(a.status).toBe(200);
    expect(a.headers['access-control-allow-origin']).toBe('*');
    expect(a.headers['content-type']).toMatch(/^application\/json/);
    const links = (JSON.parse(a.body) as { links: { rel: string; href: string }[] }).links;
    expect(links.some((l) => l.rel === WEBSOCKET)).toBe(true);
    for (const l of links) expect(l.href).toMatch(/^(wss|https):\/\//);
  });
});

describe('HTTP', () => {
  test('/healthz', async () => {
    expect((await request(false, '/healthz')).status).toBe(200);
  });

  test('metrics are not for everybody', async () => {
    expect((await request(false, '/metrics')).status).toBe(404);
  });

  test('HEAD is GET without the body', async () => {
    const get = await request(true, '/.well-known/host-meta.json');
    const head = await request(true, '/.well-known/host-meta.json', 'HEAD');
    expect(head.status).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  test('another method is refused', async () => {
    expect((await request(true, '/.well-known/host-meta', 'DELETE')).status).toBe(405);
  });

  test.each(['/%2e%2e/%2e%2e/etc/passwd', '/../../etc/passwd', '/assets/%00', '/..%5c..%5cx'])(
    '%s leads nowhere',
    async (path) => {
      const a = await request(true, path);
      expect(a.body).not.toContain('root:');
      expect([200, 400, 403, 404]).toContain(a.status);
    },
  );

  test('what is not there is 404', async () => {
    expect((await request(true, '/assets/nothing.js')).status).toBe(404);
  });
});
