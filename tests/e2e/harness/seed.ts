// A past for two people, made through clients of the tests' own: hundreds of messages in a second.

import { Client } from '../../proto/harness/client.ts';
import { type Account, enableSm, loginLegacy } from '../../proto/harness/login.ts';
import { x } from '../../proto/harness/xml.ts';
import type { World } from './world.ts';

export interface Line {
  from: Account;
  to: Account;
  body: string;
}

export async function rawClient(world: World, account: Account): Promise<Client> {
  const client = await Client.connect(account.name, world.server.ports, 'tcp');
  await loginLegacy(client, account, 'seed');
  await enableSm(client);
  return client;
}

/** Sends the lines in order; resolves when all of them are stored. */
export async function seed(world: World, lines: readonly Line[]): Promise<void> {
  const clients = new Map<string, Client>();
  let last: Client | undefined;
  let id = 0;
  for (const line of lines) {
    let client = clients.get(line.from.jid);
    if (!client) {
      client = await rawClient(world, line.from);
      clients.set(line.from.jid, client);
    }
    // Two streams keep no order between them: what was said before must stand in both archives.
    if (last && last !== client) await last.allAcked();
    client.send(x`<message to='${line.to.jid}' type='chat' id='seed-${++id}'><body>${line.body}</body></message>`);
    last = client;
  }
  for (const client of clients.values()) {
    await client.allAcked();
    await client.close();
  }
}
