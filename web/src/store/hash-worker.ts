// Takes a file, answers with its SHA-256. A file that cannot be read (it was moved meanwhile) has none.
import { hashInSteps } from './hash-steps';

addEventListener('message', async (event: MessageEvent<Blob>) => {
  postMessage(await hashInSteps(event.data).catch(() => undefined));
});
