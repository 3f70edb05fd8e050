import { useEffect, useMemo } from 'preact/hooks';
import type { Address } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { useDrop } from '../media/drop';
import { Composer } from './composer';
import { ChatHeader } from './header';
import { Log } from './log';
import { PinBar } from './pin-bar';
import { SelectBar } from './select-bar';
import { endSelection, isSelecting } from './selection';

export function ChatPane({ address }: { address: Address }) {
  const session = useSession();
  const chat = useMemo(() => session.chat(address), [session, address]);
  const timeline = useMemo(() => session.timeline(address), [session, address]);
  useEffect(() => () => timeline.close(), [timeline]);
  useEffect(() => endSelection, [timeline]);
  const drop = useDrop(chat);
  return (
    <section class="main" aria-label={t('chat.label')} {...drop.events}>
      {isSelecting(address) ? <SelectBar chat={chat} timeline={timeline} /> : <ChatHeader chat={chat} />}
      <PinBar chat={chat} />
      <Log key={address} chat={chat} timeline={timeline} />
      <Composer key={address} chat={chat} timeline={timeline} />
      {drop.view}
    </section>
  );
}
