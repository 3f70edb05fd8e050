// SASL upgrade tasks (XEP-0480) against a server that misbehaves; with the real one: tests/proto/app/upgrade.test.ts.
import { describe, expect, it } from 'vitest';
import { encode, toBase64 } from '../src/xmpp/bytes';
import { prove } from '../src/xmpp/negotiate';
import { NS } from '../src/xmpp/ns';
import type { Credentials } from '../src/xmpp/scram';
import { type SocketLike, Stream } from '../src/xmpp/stream';
import { type El, parse } from '../src/xmpp/xml';
import { FakeServer } from './fake-server';

const FEATURES = (tasks: string[]) =>
  `<features xmlns='${NS.streams}'><authentication xmlns='${NS.sasl2}'><mechanism>SCRAM-SHA-256</mechanism>${tasks
    .map((t) => `<upgrade xmlns='${NS.saslUpgrade}'>${t}</upgrade>`)
    .join('')}</authentication></features>`;
const CONTINUE = (data: string, task: string) =>
  `<continue xmlns='${NS.sasl2}'>${data}<tasks><task>${task}</task></tasks></continue>`;
const SALT = (salt: string, iterations: string) =>
  `<task-data xmlns='${NS.sasl2}'><salt xmlns='${NS.scramUpgrade}' iterations='${iterations}'>${salt}</salt></task-data>`;

/** A server that proves itself, or not, and then says what it is told to: `says` answers each element. */
async function against(
  says: (el: El, proof: string) => string | undefined,
  { tasks = ['UPGR-SCRAM-SHA-256', 'UPGR-SCRAM-SHA-1'], credentials = { password: 'secret' } as Credentials } = {},
) {
  const got: El[] = [];
  const fake = new FakeServer();
  const address = fake.addAccount('mia');
  const open = (url: string): SocketLike => {
    const socket = fake.open(url);
    let proof = '';
    let ours = false; // from here on the server says nothing of its own
    const seen: SocketLike = {
      protocol: 'xmpp',
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send(data) {
        const el = parse(data);
        got.push(el);
        const answer = says(el, proof);
        if (answer === undefined) socket.send(data);
        else queueMicrotask(() => seen.onmessage?.({ data: answer }));
      },
      close: () => socket.close(),
    };
    socket.onopen = () => seen.onopen?.();
    socket.onclose = () => seen.onclose?.();
    socket.onmessage = ({ data }) => {
      if (ours) return;
      const el = parse(String(data));
      if (el.name === 'features') return seen.onmessage?.({ data: FEATURES(tasks) });
      if (el.name !== 'success') return seen.onmessage?.({ data });
      proof = `<additional-data>${el.child('additional-data')!.text()}</additional-data>`;
      const answer = says(el, proof);
      ours = answer !== undefined;
      seen.onmessage?.({ data: answer ?? data });
    };
    return seen;
  };
  const { stream, features } = await Stream.open(open, 'ws:', fake.domain);
  const userAgent = { id: 'd4565fa7-4d72-4749-b3d3-740edbf87770', software: 'Confab', device: 'Test' };
  const outcome = prove(stream, features, { address, credentials, userAgent });
  return { outcome, got, asked: () => got.find((e) => e.name === 'authenticate')!.elements('upgrade', NS.saslUpgrade) };
}

const salt = toBase64(encode('sixteen bytes...'));

describe('upgrade tasks', () => {
  it('are done only for a server that has proved itself', async () => {
    for (const data of ['', `<additional-data>${toBase64(encode('v=AAAA'))}</additional-data>`]) {
      const { outcome, got } = await against((el) =>
        el.name === 'success' ? CONTINUE(data, 'UPGR-SCRAM-SHA-256') : undefined,
      );
      await expect(outcome).rejects.toThrow();
      expect(got.at(-1)!.name).toBe('response');
    }
    // Nor without a word about it.
    const { outcome, got } = await against((el) => (el.name === 'success' ? SALT(salt, '4096') : undefined));
    await expect(outcome).rejects.toThrow();
    expect(got.at(-1)!.name).toBe('response');
  });

  it.each([
    ['5', salt],
    ['1e9', salt],
    ['', salt],
    ['4096', ''],
  ])('refuse %s iterations with the salt %j', async (iterations, s) => {
    const { outcome, got } = await against((el, proof) => {
      if (el.name === 'success') return CONTINUE(proof, 'UPGR-SCRAM-SHA-256');
      return el.name === 'next' ? SALT(s, iterations) : undefined;
    });
    await expect(outcome).rejects.toMatchObject({ condition: 'bad-server' });
    expect(got.at(-1)!.name).toBe('next');
  });

  it('that were not asked for, or are done, are not done', async () => {
    const unknown = await against((el, proof) => (el.name === 'success' ? CONTINUE(proof, 'TOTP') : undefined));
    await expect(unknown.outcome).rejects.toMatchObject({ condition: 'second-step' });
    const again = await against((el, proof) => {
      if (el.name === 'success') return CONTINUE(proof, 'UPGR-SCRAM-SHA-256');
      if (el.name === 'next') return SALT(salt, '4096');
      return el.name === 'task-data' ? CONTINUE('', 'UPGR-SCRAM-SHA-256') : undefined;
    });
    await expect(again.outcome).rejects.toMatchObject({ condition: 'second-step' });
  });

  it('are asked for as they are offered, and known', async () => {
    const { outcome, asked } = await against(() => undefined, { tasks: ['UPGR-SCRAM-SHA-512', 'UPGR-SCRAM-SHA-1'] });
    const keys = await outcome;
    expect(asked().map((e) => e.text())).toEqual(['UPGR-SCRAM-SHA-1']);
    const kept = await against(() => undefined, { credentials: { keys: keys! } });
    await kept.outcome;
    expect(kept.asked()).toEqual([]);
  });
});
