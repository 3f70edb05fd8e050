// A client of RFC 6455 that can also do what a client must not: binary frames, fragments, unmasked frames, odd closes.

import { createHash, randomBytes } from 'node:crypto';
import type { Wire } from './transport.ts';

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Buffer;
}

export interface Upgrade {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

export interface FrameOptions {
  fin?: boolean;
  mask?: boolean;
  rsv?: number;
}

export class WebSocketWire {
  onFrame: (frame: Frame) => void = () => {};
  onEnd: () => void = () => {};
  private buffer: Buffer = Buffer.alloc(0);
  private upgraded = false;
  private settleUpgrade: (() => void) | undefined;

  constructor(readonly wire: Wire) {
    wire.onData = (chunk) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
      if (this.upgraded) this.readFrames();
      else this.settleUpgrade?.();
    };
    wire.onEnd = () => {
      this.settleUpgrade?.();
      this.onEnd();
    };
  }

  /** Sends the handshake and reads the answer's head. A refusal is an answer too. */
  async upgrade(path: string, headers: Record<string, string>): Promise<Upgrade> {
    const key = randomBytes(16).toString('base64');
    const all: Record<string, string> = {
      Host: '127.0.0.1',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      ...headers,
    };
    const lines = Object.entries(all).map(([k, v]) => `${k}: ${v}\r\n`);
    this.wire.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    const head = await this.readHead();
    const [statusLine, ...rest] = head.split('\r\n');
    const parsed = new Map(
      rest.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]),
    );
    const status = Number(statusLine?.split(' ')[1]);
    if (status === 101) {
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      if (parsed.get('sec-websocket-accept') !== accept) throw new Error('the server accepts another key than ours');
      this.upgraded = true;
      this.readFrames();
    }
    return { status, headers: parsed };
  }

  private readHead(): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const end = this.buffer.indexOf('\r\n\r\n');
        if (end < 0) {
          if (this.wire.ended) reject(new Error('the connection ended before an HTTP answer'));
          return;
        }
        const head = this.buffer.subarray(0, end).toString('latin1');
        this.buffer = this.buffer.subarray(end + 4);
        this.settleUpgrade = undefined;
        resolve(head);
      };
      this.settleUpgrade = look;
      look();
    });
  }

  private readFrames(): void {
    for (;;) {
      const b = this.buffer;
      if (b.length < 2) return;
      let len = b[1]! & 0x7f;
      let at = 2;
      if (len === 126) {
        if (b.length < 4) return;
        len = b.readUInt16BE(2);
        at = 4;
      } else if (len === 127) {
        if (b.length < 10) return;
        len = Number(b.readBigUInt64BE(2));
        at = 10;
      }
      if ((b[1]! & 0x80) !== 0) throw new Error('the server masked a frame (RFC 6455 5.1 forbids it)');
      if (b.length < at + len) return;
      this.buffer = b.subarray(at + len);
      this.onFrame({ opcode: b[0]! & 0x0f, fin: (b[0]! & 0x80) !== 0, payload: Buffer.from(b.subarray(at, at + len)) });
    }
  }

  send(opcode: number, payload: Uint8Array | string, options: FrameOptions = {}): void {
    const { fin = true, mask = true, rsv = 0 } = options;
    const data = Buffer.from(payload);
    const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
    const m = mask ? 0x80 : 0;
    if (data.length < 126) head.push(m | data.length);
    else if (data.length < 65536) head.push(m | 126, data.length >> 8, data.length & 0xff);
    else
      head.push(
        m | 127,
        0,
        0,
        0,
        0,
        data.length >>> 24,
        (data.length >> 16) & 0xff,
        (data.length >> 8) & 0xff,
        data.length & 0xff,
      );
    if (!mask) {
      this.wire.write(Buffer.concat([Buffer.from(head), data]));
      return;
    }
    const key = randomBytes(4);
    for (let i = 0; i < data.length; i++) data[i]! ^= key[i & 3]!;
    this.wire.write(Buffer.concat([Buffer.from(head), key, data]));
  }
}
