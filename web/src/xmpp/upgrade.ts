// SASL upgrade tasks (XEP-0480): the server may ask for what it can no longer compute from what it has stored: keys of a better hash,
// or of more iterations. Only when a person has typed the password, and only after the server has proved who it is.
import { toBase64 } from './bytes';
import { AuthError } from './errors';
import { NS } from './ns';
import { type Credentials, MECHANISMS, type ScramKeys, saltedKeys } from './scram';
import { type El, x } from './xml';

const TASKS = MECHANISMS.map((m) => ({ ...m, task: `UPGR-${m.name}` }));

export class Upgrades {
  private readonly asked: typeof TASKS;
  private current: (typeof TASKS)[number] | undefined;
  private made: ScramKeys[] = [];

  constructor(
    offer: El,
    private readonly credentials: Credentials,
  ) {
    const names =
      'password' in credentials ? offer.elements('upgrade', NS.saslUpgrade).map((e) => e.text().trim()) : [];
    this.asked = TASKS.filter((t) => names.includes(t.task));
  }

  /** To stand in <authenticate/>. */
  ask(): El[] {
    return this.asked.map((t) => x('upgrade', { xmlns: NS.saslUpgrade }, t.task));
  }

  /** The server has proved itself: <next/> in answer to <continue/>. */
  begin(continued: El): El {
    const names =
      continued
        .child('tasks')
        ?.elements('task')
        .map((e) => e.text().trim()) ?? [];
    this.current = this.asked.find((t) => names.includes(t.task) && !this.made.some((k) => k.mechanism === t.name));
    if (!this.current) throw new AuthError('second-step');
    return x('next', { xmlns: NS.sasl2, task: this.current.task });
  }

  async answer(data: El): Promise<El> {
    const salt = data.child('salt', NS.scramUpgrade);
    if (!this.current || !salt || !('password' in this.credentials)) throw new AuthError('bad-server');
    const { name, hash } = this.current;
    this.current = undefined;
    const { password } = this.credentials;
    const made = await saltedKeys(name, hash, password, salt.text().trim(), Number(salt.attr('iterations')));
    this.made.push(made.keys);
    return x('task-data', { xmlns: NS.sasl2 }, x('hash', { xmlns: NS.scramUpgrade }, toBase64(made.salted)));
  }

  /** What to keep: the old keys may be good no longer, and those of a better hash are better. */
  best(used: ScramKeys | undefined): ScramKeys | undefined {
    const all = [...this.made, ...(used ? [used] : [])];
    return MECHANISMS.map((m) => all.find((k) => k.mechanism === m.name)).find((k) => k) ?? used;
  }
}
