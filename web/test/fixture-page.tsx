// The views on the made-up store. What is shown is chosen by the query:
// ?content=empty|little|full|first &theme= &text= &connection= &signedin=0 &accounts= &dir=rtl &typing=1
import type { Connection, Settings } from '../src/store/model';
import { start } from '../src/ui/app';
import { type Content, createFixture, type Fixture } from './fixture-store';

declare global {
  interface Window {
    fixture: Fixture;
  }
}

const query = new URLSearchParams(location.search);
const settings: Partial<Settings> = {};
if (query.has('theme')) settings.theme = query.get('theme') as Settings['theme'];
if (query.has('text')) settings.textSize = Number(query.get('text'));
if (query.get('dir') === 'rtl') document.documentElement.dir = 'rtl';
if (query.has('text')) document.documentElement.style.fontSize = `${query.get('text')}%`;

const app = createFixture({
  content: (query.get('content') ?? 'little') as Content,
  signedIn: query.get('signedin') !== '0',
  connection: (query.get('connection') ?? 'online') as Connection['state'],
  accounts: Number(query.get('accounts') ?? 1),
  uploadMax: query.has('max') ? Number(query.get('max')) : 100_000_000,
  stuck: query.has('stuck'),
  kept: query.has('kept'),
  devices: (query.get('devices') ?? undefined) as 'one' | 'many' | undefined,
  earlier: Number(query.get('earlier') ?? 0),
  registrationOpen: query.get('registration') !== '0',
  settings,
});
if (query.has('typing')) app.setTypingOf('mia@example.org', true);
window.fixture = app;
start(app, document.getElementById('shell')!);
