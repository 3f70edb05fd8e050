// What the lists have in common: the search field, skeletons, and nothing found.
import type { Ref } from 'preact';
import { useRef } from 'preact/hooks';
import { t } from '../i18n';
import { IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';

interface SearchProps {
  label: string;
  placeholder: string;
  value: string;
  keys?: string;
  onInput(value: string): void;
  onEnter?: () => void;
  /** Of a field that is empty. */
  onEscape?: (() => void) | undefined;
  fieldRef?: Ref<HTMLInputElement>;
}

export function SearchField({ label, placeholder, value, keys, onInput, onEnter, onEscape }: SearchProps) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        class="search-field"
        aria-label={label}
        placeholder={placeholder}
        autoComplete="off"
        spellcheck={false}
        dir={value ? 'auto' : undefined}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && value) {
            onInput('');
            event.stopPropagation();
          } else if (event.key === 'Escape' && onEscape) {
            onEscape();
            event.stopPropagation();
          } else if (event.key === 'Enter') onEnter?.();
          else if (event.key === 'ArrowDown') {
            event.preventDefault();
            field.current?.closest('.list')?.querySelector<HTMLElement>('.rows-in [tabindex="0"]')?.focus();
          }
        }}
      />
      {value ? (
        <IconButton
          icon="close"
          label={t('search.clear')}
          onClick={() => {
            onInput('');
            field.current?.focus();
          }}
        />
      ) : (
        keys && (
          <span class="keycap" aria-hidden="true">
            {keys}
          </span>
        )
      )}
    </div>
  );
}

export function NoHits({ query }: { query: string }) {
  return (
    <div class="blank" role="status">
      <p dir="auto">{t('search.none', { query })}</p>
    </div>
  );
}

/** Only on the very first start; later the cache is there at once. */
export function SkeletonRows() {
  const widths = [38, 52, 30, 60, 44, 34, 56, 40, 48];
  return (
    <div class="rows" aria-hidden="true">
      {widths.map((width, i) => (
        <div class="row row-still" key={width}>
          <span class="sk sk-face" />
          <span class="row-body">
            <span class="sk sk-name" style={{ width: `${width}%` }} />
            <span class="sk sk-line" style={{ width: `${50 + ((i * 17) % 40)}%` }} />
          </span>
        </div>
      ))}
    </div>
  );
}
