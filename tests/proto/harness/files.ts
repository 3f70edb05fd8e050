// Files by HTTP (XEP-0363), for dialogues: slots, requests over TLS and plain, bytes as they are, and what lies on the disk.

import { existsSync, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import type { Client } from './client.ts';
import type { Stage } from './stage.ts';
import { eventually } from './time.ts';
import { x } from './xml.ts';

export const UPLOAD = 'urn:xmpp:http:upload:0';
export const PURPOSE = 'urn:xmpp:http:upload:purpose:0';

export interface Slot {
  put: URL;
  get: URL;
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export function slotXml(name: string, size: number | string, type?: string, inner = ''): string {
  const attr = type === undefined ? '' : x` content-type='${type}'`;
  return `${x`<request xmlns='${UPLOAD}' filename='${name}' size='${String(size)}'`}${attr}>${inner}</request>`;
}

/** What goes up to and comes down from the server of that stage. */
export function filesOf(stage: Stage) {
  async function slot(c: Client, name: string, size: number, type?: string, inner = ''): Promise<Slot> {
    const el = (await c.get(slotXml(name, size, type, inner), stage.domain)).at('slot');
    return { put: new URL(el.at('put').need('url')), get: new URL(el.at('get').need('url')) };
  }

  function request(
    url: URL | string,
    method = 'GET',
    headers: http.OutgoingHttpHeaders = {},
    body?: Buffer | string,
    secure = true,
  ): Promise<Answer> {
    const path = typeof url === 'string' ? url : url.pathname + url.search;
    return new Promise((resolve, reject) => {
      const all: http.OutgoingHttpHeaders = { Host: stage.domain, ...headers };
      if (body !== undefined && !('Transfer-Encoding' in all)) all['Content-Length'] = Buffer.byteLength(body);
      const take = (res: http.IncomingMessage) => {
        const parts: Buffer[] = [];
        res.on('data', (d: Buffer) => parts.push(d));
        res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body: Buffer.concat(parts) }));
        res.on('error', reject);
      };
      const common = { host: '127.0.0.1', path, method, headers: all, agent: false as const };
      const tls = { port: stage.ports.https, servername: stage.domain, rejectUnauthorized: false };
      const req = secure
        ? https.request({ ...common, ...tls }, take)
        : http.request({ ...common, port: stage.ports.http }, take);
      req.on('error', reject);
      req.end(body);
    });
  }

  const put = (s: Slot, body: Buffer, type?: string, secure = true) =>
    request(s.put, 'PUT', type ? { 'Content-Type': type } : {}, body, secure);
  const patch = (s: Slot, offset: number | string, body: Buffer, type = 'application/partial-upload') =>
    request(s.put, 'PATCH', { 'Content-Type': type, 'Upload-Offset': String(offset) }, body);

  /** Sends bytes as they are over plain HTTP; what came back when the peer closed, or `until` held. */
  function raw(bytes: Buffer | string, until: (got: string) => boolean = () => false): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(stage.ports.http, '127.0.0.1', () => socket.write(bytes));
      let got = '';
      socket.setEncoding('latin1');
      socket.on('data', (d: string) => {
        got += d;
        if (!until(got)) return;
        socket.destroy();
        resolve(got);
      });
      socket.on('close', () => resolve(got));
      socket.on('error', reject);
    });
  }

  const files = () => join(stage.server.dir, 'data', 'files');

  function sizeOnDisk(s: Slot): number {
    const path = join(files(), 'open', s.get.pathname.split('/')[2]!);
    return existsSync(path) ? statSync(path).size : 0;
  }

  async function offset(s: Slot): Promise<number> {
    const a = await request(s.put, 'HEAD');
    if (a.status !== 200) throw new Error(`HEAD of an upload: ${a.status}`);
    return Number(a.headers['upload-offset']);
  }

  /** Sends the head of a request and a part of its body, and breaks off when the server holds that part. */
  async function broken(s: Slot, head: string, part: Buffer, held: number): Promise<void> {
    const socket = net.connect(stage.ports.http, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.write(head);
    // Not before the kernel has all of it: what is still ours when we break off is lost.
    await new Promise<void>((resolve) => socket.write(part, () => resolve()));
    await eventually(() => sizeOnDisk(s) >= held - 65536);
    socket.destroy();
    // Nor is it asked for before: HEAD takes an upload over, and what comes after it is no longer taken.
    await eventually(() => sizeOnDisk(s) === held);
    await eventually(async () => (await offset(s)) === held);
  }

  /** Every file there is, as FOLDER/NAME. */
  function stored(): string[] {
    const all: string[] = [];
    for (const folder of readdirSync(files()))
      for (const f of readdirSync(join(files(), folder))) all.push(`${folder}/${f}`);
    return all;
  }

  return { slot, request, put, patch, raw, broken, sizeOnDisk, offset, files, stored };
}
