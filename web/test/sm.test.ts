import { describe, expect, it } from 'vitest';
import { StreamManagement } from '../src/xmpp/sm';

const MAX = 2 ** 32;

describe('stream management', () => {
  it('hands back what was acknowledged, in order, once', () => {
    const sm = new StreamManagement();
    sm.start('id', 'a@b/c');
    for (const id of ['1', '2', '3']) sm.sent(`<m id='${id}'/>`, id);
    expect(sm.ack(2).map((u) => u.id)).toEqual(['1', '2']);
    expect(sm.ack(2)).toEqual([]);
    expect(sm.queue.map((u) => u.id)).toEqual(['3']);
    expect(() => sm.ack(4)).toThrow();
    expect(() => sm.ack(1)).toThrow();
    expect(() => sm.ack(Number.NaN)).toThrow();
  });

  it('counts modulo 2^32, both ways', () => {
    const sm = new StreamManagement();
    sm.restore({ id: 'id', jid: 'a@b/c', h: MAX - 1 });
    sm.received(undefined);
    expect(sm.h).toBe(0);
    sm.ack(MAX - 2); // the first count after a reload is taken as it comes
    for (const id of ['1', '2', '3']) sm.sent('', id);
    expect(sm.ack(0).map((u) => u.id)).toEqual(['1', '2']);
    expect(sm.ack(1).map((u) => u.id)).toEqual(['3']);
  });

  it('counts a stanza as handled only when it and all before it are done', async () => {
    const sm = new StreamManagement();
    sm.start('id', 'a@b/c');
    const slow = Promise.withResolvers<void>();
    const quick = Promise.withResolvers<void>();
    sm.received(undefined);
    sm.received(slow.promise);
    sm.received(quick.promise);
    sm.received(undefined);
    quick.resolve();
    await turn();
    expect(sm.h).toBe(1);
    slow.resolve();
    await turn();
    expect(sm.h).toBe(4);
  });

  it('goes on when one fails, and never counts into a new session', async () => {
    const sm = new StreamManagement();
    sm.start('id', 'a@b/c');
    sm.received(Promise.reject(new Error('full')));
    sm.received(undefined);
    await turn();
    expect(sm.h).toBe(2);
    const late = Promise.withResolvers<void>();
    sm.received(late.promise);
    sm.start('new', 'a@b/d');
    late.resolve();
    await turn();
    expect(sm.h).toBe(0);
  });
});

async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
