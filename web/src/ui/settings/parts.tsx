import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { BackSign } from '../chat/header';
import { t } from '../i18n-later';
import { Icon } from '../kit/icon';
import { back, hrefOf } from '../router';

/** A page of settings: title, one sentence, cards. On a phone with its own way back. */
export function Page({ title, lead, children }: { title: string; lead: string; children: ComponentChildren }) {
  return (
    <section class="main" aria-label={title}>
      <header class="bar chat-bar only-phone">
        <a
          class="ib"
          href={hrefOf({ page: 'settings' })}
          aria-label={t('settings.back')}
          onClick={(event) => {
            event.preventDefault();
            back();
          }}
        >
          <BackSign />
        </a>
        <span class="chat-name">{t('nav.settings')}</span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a pane that scrolls has to be reachable by keys. */}
      <div class="page-scroll" tabIndex={0}>
        <div class="page">
          <h2 class="page-title">{title}</h2>
          <p class="lead">{lead}</p>
          {children}
        </div>
      </div>
    </section>
  );
}

export function Group({ title, children }: { title: string; children: ComponentChildren }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h3 class="group-title" id={id}>
        {title}
      </h3>
      <div class="card">{children}</div>
    </section>
  );
}

interface SelectProps<T extends string> {
  label: string;
  hint: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange(value: T): void;
}

export function SelectRow<T extends string>({ label, hint, value, options, onChange }: SelectProps<T>) {
  const id = useId();
  return (
    <div class="set stack-sm">
      <div>
        <label for={id}>
          <b>{label}</b>
        </label>
        <p id={`${id}h`}>{hint}</p>
      </div>
      <span class="select">
        <select
          id={id}
          aria-describedby={`${id}h`}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value as T)}
        >
          {options.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
        <Icon name="down" />
      </span>
    </div>
  );
}
