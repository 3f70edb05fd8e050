// Where one writes. What was typed is never lost: each input goes to the store as a draft, and a message that the
// store could not take comes back into the field.
import { useSignal, useSignalEffect } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Chat, LinkPreview, Message, Timeline } from '../../store/model';
import { chatName, useContact, useSession } from '../context';
import { t, tn } from '../i18n';
import { Button, IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';
import { settleDone, toast } from '../kit/toast';
import { touch } from '../look';
import { canRecord, useMic } from '../media/mic';
import { attach, attachMenu, TrayView, takeTray, trayOf } from '../media/tray';
import { addContact } from '../people/add-contact';
import { acceptRequest, leaving, refuseRequest, setBlocked } from '../people/pending';
import { useCompletion } from './complete';
import { canEdit, edit, type Intent, intentOf } from './intent';
import { QuoteOf } from './quote';
import { LinkBar, toldLink } from './told-link';

type Picker = FunctionComponent<{ pick(sign: string): void; close(): void }>;

function scrollLog(from: Element, pages: number): void {
  const log = from.closest('.main')?.querySelector('.log');
  log?.scrollBy({ top: pages * log.clientHeight * 0.9 });
}

function useEmojiPicker() {
  const open = useSignal(false);
  const picker = useSignal<Picker | undefined>(undefined);
  const toggle = async () => {
    open.value = !open.value;
    if (!open.value || picker.value) return;
    try {
      const { EmojiPicker } = await import('../emoji/picker');
      picker.value = EmojiPicker;
    } catch {
      open.value = false;
      toast(t('emoji.unavailable'), { bad: true });
    }
  };
  return { open, picker, toggle };
}

/** Over the field while they are no contact: the one step to change that, whoever has to take it. */
function Stranger({ chat }: { chat: Chat }) {
  const session = useSession();
  const { address } = chat;
  const request = session.requests.value.find((it) => it.address === address && !leaving.value.has(address));
  if (!request)
    return (
      <div class="stranger">
        <span>{t('composer.stranger', { name: chatName(chat) })}</span>
        <Button small onClick={() => addContact(address)}>
          {t('composer.add')}
        </Button>
      </div>
    );
  return (
    <div class="stranger">
      <span>{tn('request.wants', { name: <bdi>{request.name}</bdi> })}</span>
      <Button small onClick={() => void acceptRequest(session, address, request.name)}>
        {t('request.accept')}
      </Button>
      <Button small onClick={() => refuseRequest(session, address, request.name)}>
        {t('request.notNow')}
      </Button>
    </div>
  );
}

/** Over the field: what is answered, or changed. */
function Bar({ intent, close }: { intent: Intent; close(): void }) {
  const edits = intent.kind === 'edit';
  return (
    <div class="cbar">
      <Icon name={edits ? 'edit' : 'reply'} />
      <QuoteOf message={intent.message} {...(edits && { title: t('composer.editing') })} />
      <IconButton icon="close" label={t(edits ? 'composer.cancelEdit' : 'composer.cancelReply')} onClick={close} />
    </div>
  );
}

/** Who has typed so lately is writing. */
const TYPING_MS = 2000;

export function Composer({ chat, timeline }: { chat: Chat; timeline: Timeline }) {
  const session = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const written = useSignal(chat.draft.peek().trim() !== '');
  const tray = trayOf(session, chat.address);
  /** Photos are being made ready. */
  const busy = useSignal(false);
  const emoji = useEmojiPicker();
  const contact = useContact(session, chat.address);
  const name = chatName(chat);
  const intent = intentOf(session, chat.address);
  const edits = intent.value?.kind === 'edit';
  /** What goes along with a link in the field. */
  const link = useSignal<LinkPreview | undefined>(undefined);
  /** What stood in the field before a message of mine was put into it. */
  const kept = useRef('');

  const fit = () => {
    const el = field.current;
    if (!el) return;
    const most = (el.closest('.main')?.clientHeight ?? innerHeight) * 0.4;
    // An empty field has the direction of the interface, so that its placeholder stands where one begins.
    el.dir = el.value ? 'auto' : '';
    // While it is measured it is one line high; the log above must not grow into the room for that moment, and scroll.
    const box = el.parentElement!;
    box.style.minHeight = `${box.offsetHeight}px`;
    el.style.height = 'auto';
    const all = el.scrollHeight;
    el.style.height = `${Math.min(all, most)}px`;
    el.style.overflowY = all > most ? 'auto' : 'hidden';
    box.style.minHeight = '';
  };
  const typed = useRef(0);
  const changed = () => {
    const text = field.current!.value;
    typed.current = Date.now();
    written.value = text.trim() !== '';
    if (!text.includes(link.peek()?.url ?? '')) link.value = undefined;
    // What is being changed is no draft: that waits until this is done.
    if (intent.peek()?.kind !== 'edit') session.setDraft(chat.address, text);
    session.setTyping(chat.address, text.trim() !== '');
    fit();
  };
  const fill = (text: string) => {
    const el = field.current;
    if (!el) return;
    el.value = text;
    el.setSelectionRange(text.length, text.length);
    written.value = text.trim() !== '';
    fit();
  };
  const complete = useCompletion(field, changed);

  useLayoutEffect(() => {
    if (!field.current) return;
    link.value = undefined;
    field.current.value = intent.peek()?.kind === 'edit' ? intent.peek()!.message.body : chat.draft.peek();
    kept.current = chat.draft.peek();
    fit();
    // On a phone the keyboard would cover what one came to read.
    if (!touch.matches) field.current.focus({ preventScroll: true });
  }, [chat.address, contact?.blocked]);
  useEffect(() => {
    const { style } = document.documentElement;
    const footer = field.current?.closest('.composer');
    // On a phone toasts float above it, however tall it grows.
    const observer = new ResizeObserver(() => {
      fit();
      style.setProperty('--composer', `${footer?.clientHeight ?? 0}px`);
    });
    if (field.current?.parentElement) observer.observe(field.current.parentElement);
    return () => {
      observer.disconnect();
      style.removeProperty('--composer');
      session.setTyping(chat.address, false);
    };
  }, [chat.address]);
  // A draft that another tab or device wrote appears here, unless one is writing.
  useSignalEffect(() => {
    const text = chat.draft.value;
    const el = field.current;
    if (intent.value?.kind === 'edit') kept.current = text;
    else if (el && el.value !== text && (document.activeElement !== el || Date.now() - typed.current > TYPING_MS)) {
      el.value = text;
      written.value = text.trim() !== '';
      fit();
    }
  });

  // Chosen in the menu: the field takes it, in the moment in which the bar appears. (An effect of a signal would come a
  // frame later, and a key pressed meanwhile would go elsewhere.)
  const before = useRef<Intent | undefined>(intent.peek());
  useLayoutEffect(() => {
    const now = intent.value;
    const was = before.current;
    if (now === was) return;
    before.current = now;
    if (now?.kind === 'edit') {
      if (was?.kind !== 'edit') kept.current = field.current?.value ?? '';
      fill(now.message.body);
    } else if (was?.kind === 'edit') fill(kept.current);
    if (!now) return;
    // And again when the sheet of a phone has gone and given its focus back.
    const focus = () => field.current?.focus({ preventScroll: true });
    focus();
    requestAnimationFrame(focus);
  }, [intent.value]);
  const leave = () => {
    intent.value = undefined;
    session.setTyping(chat.address, false);
    field.current?.focus({ preventScroll: true });
  };

  const save = async (message: Message) => {
    const body = field.current!.value.trim();
    if (!body) return;
    try {
      const now = await session.message(message.key);
      if (!now || now.retracted) {
        // Taken back meanwhile, on another device: what was written stays in the field.
        kept.current = body;
        toast(t('composer.editGone'), { bad: true });
      } else await session.edit(message.key, body);
      leave();
    } catch {
      toast(t('composer.notTaken'), { bad: true });
    }
  };
  /** The last message of mine that can be changed. */
  const editLast = () => {
    const message = timeline.messages.peek().findLast((it) => it.mine);
    if (message && canEdit(message)) edit(session, message);
    return message !== undefined && canEdit(message);
  };

  /** What is in the tray, with the text as its caption. */
  const sendTray = async () => {
    if (busy.peek()) return;
    busy.value = true;
    try {
      const before = tray.list.peek();
      const files = await takeTray(session, chat.address);
      if (!files) return;
      const caption = field.current?.value.trim() ?? '';
      await session.sendFiles(chat.address, files, caption, answered());
      if (intent.peek()?.kind === 'reply') intent.value = undefined;
      tray.list.value = tray.list.peek().filter((it) => !before.includes(it));
      tray.original.value = false;
      if (field.current) {
        field.current.value = '';
        changed();
      }
      settleDone();
    } catch (e) {
      console.warn(e);
      toast(t('composer.notTaken'), { bad: true });
    } finally {
      busy.value = false;
    }
  };

  const answered = () => (intent.peek()?.kind === 'reply' ? intent.peek()!.message.key : undefined);

  const send = async () => {
    const el = field.current!;
    const now = intent.peek();
    if (now?.kind === 'edit') return save(now.message);
    if (tray.list.peek().length > 0) return sendTray();
    const body = el.value.trim();
    if (!body) return;
    const to = answered();
    const told = link.peek();
    intent.value = undefined;
    el.value = '';
    changed();
    settleDone();
    try {
      await session.send(chat.address, body, to, told);
    } catch {
      // Not even the outbox took it: give it back, before whatever has been typed since.
      el.value = el.value ? `${body}\n${el.value}` : body;
      if (now) intent.value = now;
      link.value = told;
      changed();
      toast(t('composer.notTaken'), { bad: true });
    }
  };

  const mic = useMic(
    (file) => session.sendFiles(chat.address, [file], ''),
    () => field.current?.focus({ preventScroll: true }),
  );

  const take = (data: DataTransfer | null) => {
    if (data && session.choices.peek().previews) link.value = toldLink(data) ?? link.peek();
  };

  const insert = (text: string) => {
    const el = field.current!;
    el.setRangeText(text, el.selectionStart, el.selectionEnd, 'end');
    changed();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (complete.onKey(event)) return;
    const command = event.ctrlKey || event.metaKey;
    const sends = session.choices.peek().enterSends && !touch.matches;
    if (event.key === 'Enter' && !event.altKey && (command || (sends && !event.shiftKey))) {
      event.preventDefault();
      void send();
    } else if (event.key === 'Escape' && intent.peek()) {
      event.preventDefault();
      leave();
    } else if (event.key === 'ArrowUp' && !command && !event.shiftKey && !event.altKey && field.current!.value === '') {
      if (!intent.peek() && tray.list.peek().length === 0 && editLast()) event.preventDefault();
    } else if (!event.shiftKey && (event.key === 'PageUp' || event.key === 'PageDown')) {
      event.preventDefault();
      scrollLog(field.current!, event.key === 'PageUp' ? -1 : 1);
    }
  };

  if (contact?.blocked) {
    return (
      <footer class="composer">
        <div class="col">
          <div class="box box-note">
            <p>{t('composer.blocked', { name })}</p>
            <Button look="soft" small onClick={() => void setBlocked(session, chat.address, name, false)}>
              {t('contact.unblock')}
            </Button>
          </div>
        </div>
      </footer>
    );
  }
  const stranger = chat.kind === 'person' && !contact && !session.firstStart.value && session.ready.value;
  const Emoji = emoji.picker.value;
  const speaks = canRecord() && session.uploadMax.value !== 0;
  const attached = tray.list.value.length > 0;
  const filled = written.value || attached;
  const focusField = () => field.current?.focus();
  return (
    <footer class="composer">
      <div class="col composer-col">
        {stranger && <Stranger chat={chat} />}
        <div class="composer-in">
          {complete.view}
          {emoji.open.value && Emoji && (
            <Emoji
              pick={insert}
              close={() => {
                emoji.open.value = false;
                field.current?.focus();
              }}
            />
          )}
          <div class="box">
            {intent.value && <Bar intent={intent.value} close={leave} />}
            {link.value && !edits && !attached && (
              <LinkBar
                link={link.value}
                close={() => {
                  link.value = undefined;
                  focusField();
                }}
              />
            )}
            <TrayView session={session} chat={chat.address} after={focusField} />
            {mic.view}
            <div class="line" hidden={!!mic.view}>
              <IconButton
                class="attach-button"
                hidden={edits}
                icon="plus"
                label={t('attach.title')}
                onClick={(event) =>
                  attachMenu(session, chat.address, event.currentTarget.getBoundingClientRect(), focusField)
                }
              />
              <textarea
                ref={field}
                rows={1}
                aria-label={t('composer.label', { name })}
                aria-autocomplete="list"
                aria-controls={complete.open ? 'complete' : undefined}
                aria-activedescendant={complete.open ? `complete-${complete.at}` : undefined}
                placeholder={t(attached ? 'attach.caption' : 'composer.placeholder')}
                enterkeyhint={session.choices.value.enterSends && !touch.matches ? 'send' : 'enter'}
                onInput={() => {
                  changed();
                  complete.look();
                }}
                onKeyDown={onKeyDown}
                onPaste={(event) => {
                  const files = [...(event.clipboardData?.files ?? [])];
                  take(event.clipboardData);
                  // Office programs put a picture of copied text beside the text.
                  if (files.length === 0 || event.clipboardData?.getData('text/plain')) return;
                  event.preventDefault();
                  void attach(session, chat.address, files);
                }}
                onDrop={(event) => take(event.dataTransfer)}
                onBlur={() => session.setTyping(chat.address, false)}
              />
              <IconButton
                class="emoji-button"
                icon="smile"
                label={t('emoji.title')}
                aria-expanded={emoji.open.value}
                onClick={emoji.toggle}
              />
              {!filled && speaks && !edits && mic.button}
              <IconButton
                icon={edits ? 'check' : 'send'}
                hidden={!filled && speaks && !edits}
                label={t(edits ? 'composer.save' : busy.value ? 'attach.preparing' : 'composer.send')}
                class={filled ? 'ib-accent send' : 'send'}
                aria-disabled={!filled}
                aria-busy={busy.value || undefined}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => {
                  void send();
                  field.current?.focus();
                }}
              />
            </div>
          </div>
        </div>
      </div>
    </footer>
  );
}
