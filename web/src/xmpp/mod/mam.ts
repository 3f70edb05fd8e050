// The archive on the server (XEP-0313) with paging (XEP-0059).
import type { Client } from '../client';
import { StanzaError } from '../errors';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { type IncomingMessage, parseArchived } from './message';

export interface ArchiveQuery {
  with?: string;
  /** ms; only messages from then on. */
  start?: number;
  end?: number;
  /** Only messages with these words (XEP-0431). */
  words?: string;
  /** Archive id; '' with `before` means the newest page. */
  before?: string;
  after?: string;
  max: number;
}

export interface ArchivePage {
  /** Oldest first. */
  messages: IncomingMessage[];
  /** Archive ids of the page's ends, also when some of its messages mean nothing to us. */
  first: string | undefined;
  last: string | undefined;
  /** Times of the page's ends, in ms. */
  firstTime: number | undefined;
  lastTime: number | undefined;
  /** The server has nothing beyond this page, in the direction of paging. */
  complete: boolean;
}

const PAGE_TIMEOUT_MS = 60_000;
/** How long to wait, in ms, before asking once more a server that is too busy just now. */
const BUSY_PAUSES = [500, 2_000, 8_000];

function field(name: string, value: string | undefined): El | undefined {
  return value === undefined ? undefined : x('field', { var: name }, x('value', {}, value));
}

export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const pause of BUSY_PAUSES) {
    try {
      return await ask();
    } catch (e) {
      if (!(e instanceof StanzaError) || e.type !== 'wait') throw e;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return ask();
}

export class Archive {
  private serial = 0;
  private readonly collecting = new Map<
    string,
    { id: string; message: IncomingMessage | undefined; time: number | undefined }[]
  >();

  constructor(
    private readonly client: Client,
    private readonly own: string,
  ) {}

  /** A server that has too much to do says so (`wait`); taken for an answer, that would leave a hole until the next look. */
  async page(query: ArchiveQuery): Promise<ArchivePage> {
    return patiently(() => this.ask(query));
  }

  private async ask(query: ArchiveQuery): Promise<ArchivePage> {
    const queryid = `q${++this.serial}`;
    const results: { id: string; message: IncomingMessage | undefined; time: number | undefined }[] = [];
    this.collecting.set(queryid, results);
    const stamp = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
    const fields = [
      field('with', query.with),
      field('start', stamp(query.start)),
      field('end', stamp(query.end && Math.ceil(query.end))),
      field(`{${NS.fulltext}}fulltext`, query.words),
    ];
    try {
      const fin = await this.client.iq({
        type: 'set',
        timeoutMs: PAGE_TIMEOUT_MS,
        payload: x(
          'query',
          { xmlns: NS.mam, queryid },
          fields.some(Boolean) &&
            x(
              'x',
              { xmlns: NS.data, type: 'submit' },
              x('field', { var: 'FORM_TYPE', type: 'hidden' }, x('value', {}, NS.mam)),
              ...fields,
            ),
          x(
            'set',
            { xmlns: NS.rsm },
            x('max', {}, String(query.max)),
            query.after !== undefined && x('after', {}, query.after),
            query.before !== undefined && x('before', {}, ...(query.before ? [query.before] : [])),
          ),
        ),
      });
      const complete = fin?.attr('complete');
      const set = fin?.child('set', NS.rsm);
      return {
        messages: results.flatMap((r) => r.message ?? []),
        first: set?.child('first')?.text() || results[0]?.id,
        last: set?.child('last')?.text() || results.at(-1)?.id,
        firstTime: results[0]?.time,
        lastTime: results.at(-1)?.time,
        complete: complete === 'true' || complete === '1' || results.length === 0,
      };
    } finally {
      this.collecting.delete(queryid);
    }
  }

  /** Takes a result of a query of ours; false when the stanza is something else. */
  collect(stanza: El): boolean {
    const result = stanza.child('result', NS.mam);
    if (!result) return false;
    const from = stanza.attr('from') ?? '';
    const list = this.collecting.get(result.attr('queryid') ?? '');
    // Results that nobody asked for, or from somebody else's archive, would put words into people's mouths.
    if (list && (from === '' || bare(from) === this.own)) {
      const message = parseArchived(result, this.own);
      list.push({ id: result.attr('id') ?? '', message, time: message?.time });
    }
    return true;
  }

  reset(): void {
    this.collecting.clear();
  }
}
