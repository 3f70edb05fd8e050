// Bytes to and from the server: TCP, TLS from the start, TLS later (STARTTLS). What the bytes mean is the client's.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export interface TlsFacts {
  readonly alpn: string | false | null;
  readonly version: string | null;
  readonly authorized: boolean;
}

/** A connection whose bytes go to `onData`; `onEnd` is called once, when the peer has gone, however it went. */
export class Wire {
  onData: (chunk: Buffer) => void = () => {};
  onEnd: () => void = () => {};
  ended = false;
  /** What came, under the XML and above TLS. */
  bytesIn = 0;

  private constructor(private socket: net.Socket) {
    this.listen();
  }

  private listen(): void {
    const socket = this.socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.bytesIn += chunk.length;
      this.onData(chunk);
    });
    const end = () => {
      if (this.ended || this.socket !== socket) return;
      this.ended = true;
      this.onEnd();
    };
    // A reset is as good an end as any; who cares tests what came before it.
    socket.on('error', end);
    socket.on('end', end);
    socket.on('close', end);
  }

  static async tcp(port: number): Promise<Wire> {
    const socket = net.connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  static async tls(port: number, options: tls.ConnectionOptions & { localAddress?: string }): Promise<Wire> {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new Wire(socket);
  }

  /** Puts TLS over the connection; resolves when the handshake is done. */
  async startTls(options: tls.ConnectionOptions): Promise<void> {
    const plain = this.socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('end');
    plain.removeAllListeners('close');
    const secure = tls.connect({ socket: plain, rejectUnauthorized: false, ...options });
    try {
      await once(secure, 'secureConnect');
    } catch (err) {
      this.ended = true;
      this.onEnd();
      throw err;
    }
    this.socket = secure;
    this.listen();
  }

  get tlsFacts(): TlsFacts {
    const s = this.socket as tls.TLSSocket;
    return { alpn: s.alpnProtocol, version: s.getProtocol(), authorized: s.authorized };
  }

  /** What a proof is bound to: RFC 9266, and RFC 5929 for a certificate signed with SHA-256. */
  binding(type: 'tls-exporter' | 'tls-server-end-point'): Buffer {
    const s = this.socket as tls.TLSSocket;
    if (type === 'tls-exporter') return s.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    return createHash('sha256').update(s.getPeerCertificate(true).raw).digest();
  }

  write(bytes: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Stops reading, so that the peer's writes pile up. */
  pause(): void {
    this.socket.pause();
  }

  unpause(): void {
    this.socket.resume();
  }

  /** Ends our direction in an orderly way (FIN). */
  finish(): void {
    this.socket.end();
  }

  /** Gone without a word: a reset, as when a process dies or a cable is pulled. */
  destroy(): void {
    this.ended = true;
    if (this.socket instanceof tls.TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}
