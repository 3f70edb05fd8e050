// Dropping files anywhere on a chat.
import { useSignal } from '@preact/signals';
import type { Chat } from '../../store/model';
import { chatName, useContact, useSession } from '../context';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { attach } from './tray';

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

export function useDrop(chat: Chat) {
  const session = useSession();
  const contact = useContact(session, chat.address);
  const over = useSignal(false);
  const inside = useSignal(0);
  const accepts = (event: DragEvent) => hasFiles(event) && !contact?.blocked;
  const events = {
    onDragEnter: (event: DragEvent) => {
      if (!accepts(event)) return;
      event.preventDefault();
      inside.value++;
      over.value = true;
    },
    onDragOver: (event: DragEvent) => {
      if (!accepts(event)) return;
      event.preventDefault();
      event.dataTransfer!.dropEffect = 'copy';
    },
    onDragLeave: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      // Every element on the way is entered and left.
      inside.value = Math.max(0, inside.value - 1);
      if (inside.value === 0) over.value = false;
    },
    onDrop: (event: DragEvent) => {
      if (!accepts(event)) return;
      event.preventDefault();
      over.value = false;
      inside.value = 0;
      void attach(session, chat.address, [...(event.dataTransfer?.files ?? [])]).then(() =>
        document.querySelector<HTMLElement>('.composer textarea')?.focus(),
      );
    },
  };
  const view = over.value && (
    <div class="drop" aria-hidden="true">
      <div>
        <Icon name="plus" />
        {t('attach.drop', { name: chatName(chat) })}
      </div>
    </div>
  );
  return { events, view };
}
