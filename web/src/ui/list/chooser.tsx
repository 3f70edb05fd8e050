// To find a chat or a person by a few letters: a field whose keys walk the list under it (a combobox with a list box), so
// that the focus never leaves it.
import type { ComponentChildren } from 'preact';
import type { Address, Availability } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Icon } from '../kit/icon';

interface FieldProps {
  label: string;
  placeholder: string;
  /** The id of the list; its options have this, a dash and a number. */
  list: string;
  /** Which of them the keys are at; undefined: there is none. */
  at: number | undefined;
  query: string;
  search(query: string): void;
  move(by: 1 | -1): void;
  /** Enter; with Ctrl or Cmd it may mean more. */
  enter(command: boolean): void;
}

export function ChooserField({ label, placeholder, list, at, query, search, move, enter }: FieldProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown') move(1);
    else if (event.key === 'ArrowUp') move(-1);
    else if (event.key === 'Enter') enter(event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  };
  return (
    <div class="search switch-search">
      <Icon name="search" />
      <input
        type="text"
        role="combobox"
        data-first
        aria-label={label}
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={at === undefined ? undefined : `${list}-${at}`}
        aria-autocomplete="list"
        placeholder={placeholder}
        autoComplete="off"
        spellcheck={false}
        dir={query ? 'auto' : undefined}
        value={query}
        onInput={(event) => search(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}

interface OptionProps {
  address: Address;
  id: string;
  /** The keys are at it. */
  current: boolean;
  /** What a screen reader calls selected: it is chosen, or, where only one can be, the keys are at it. */
  selected: boolean;
  availability?: Availability | undefined;
  /** Under the name; else the address. */
  says?: string | undefined;
  end: ComponentChildren;
  point(): void;
  pick(): void;
}

export function ChatOption({ address, id, current, selected, availability, says, end, point, pick }: OptionProps) {
  const chat = useSession().chat(address);
  const self = chat.kind === 'self';
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field that owns the list.
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant).
    <div
      id={id}
      role="option"
      aria-selected={selected}
      class={`menu-item ${current ? 'cur' : ''}`}
      onPointerMove={point}
      onClick={pick}
    >
      <Avatar name={chatName(chat)} address={address} icon={self ? 'edit' : undefined} availability={availability} />
      <span class="switch-who">
        <bdi class="clip">{chatName(chat)}</bdi>
        <small class="clip" dir="auto">
          {self ? t('notes.hint') : (says ?? address)}
        </small>
      </span>
      {end}
    </div>
  );
}

/** The keys' place in a list of so many, after a step; it goes round. */
export function stepped(list: HTMLElement | null, at: number, by: 1 | -1, count: number): number {
  const next = (at + by + count) % Math.max(1, count);
  list?.children[next]?.scrollIntoView({ block: 'nearest' });
  return next;
}
