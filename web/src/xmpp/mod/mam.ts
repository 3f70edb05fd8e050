// The archive on the server (XEP-0313) with paging (XEP-0059).
import type { Client } from '../client';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { type IncomingMessage, parseArchived } from './message';

export interface ArchiveQuery {
  with?: string;
  /** ms; only messages from then on. */
  start?: number;
  end?: number;
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

function field(name: string, value: string | undefined): El | undefined {
  return value === undefined ? undefined : x('field', { var: name }, x('value', {}, value));
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

  async page(query: ArchiveQuery): Promise<ArchivePage> {
    const queryid = `q${++this.serial}`;
    const results: { id: string; message: IncomingMessage | undefined; time: number | undefined }[] = [];
    this.collecting.set(queryid, results);
    const stamp = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
    const fields = [field('with', query.with), field('start', stamp(query.start)), field('end', stamp(query.end))];
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
