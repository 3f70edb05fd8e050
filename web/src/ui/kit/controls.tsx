// Buttons, switches and fields. One component for one thing; the classes are in css/kit.css.
import type { ButtonHTMLAttributes, ComponentChildren, InputHTMLAttributes, Ref } from 'preact';
import { useId, useState } from 'preact/hooks';
import { t } from '../i18n';
import { Icon, type IconName } from './icon';

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: 'primary' | 'soft' | 'line' | 'plain' | 'danger';
  small?: boolean;
  wide?: boolean;
  busy?: boolean;
  icon?: IconName;
  buttonRef?: Ref<HTMLButtonElement>;
  children?: ComponentChildren;
};

export function Button({
  look = 'plain',
  small,
  wide,
  busy,
  icon,
  buttonRef,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  const names = ['btn', `btn-${look}`, small && 'btn-sm', wide && 'btn-wide', rest.class];
  return (
    <button
      type="button"
      {...rest}
      ref={buttonRef}
      class={names.filter(Boolean).join(' ')}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <span class="spin" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

type IconButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  icon: IconName;
  label: string;
  buttonRef?: Ref<HTMLButtonElement>;
};

export function IconButton({ icon, label, buttonRef, class: extra, ...rest }: IconButtonProps) {
  return (
    <button type="button" {...rest} ref={buttonRef} class={`ib ${extra ?? ''}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

interface SwitchProps {
  label: string;
  hint: string;
  on: boolean;
  onChange(on: boolean): void;
}

/** A row of a settings card: what it does, one plain sentence, the switch at the end. */
export function SwitchRow({ label, hint, on, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div class="set">
      <div>
        <b id={id}>{label}</b>
        <p id={`${id}h`}>{hint}</p>
      </div>
      <button
        type="button"
        class="switch"
        role="switch"
        aria-checked={on}
        aria-labelledby={id}
        aria-describedby={`${id}h`}
        onClick={() => onChange(!on)}
      />
    </div>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onInput(value: string): void;
  error?: string | undefined;
  hint?: string | undefined;
  type?: 'text' | 'password' | 'email';
  autoComplete?: string;
  placeholder?: string;
  maxLength?: number;
  required?: boolean;
  /** What the server adds to what is typed, e.g. `@example.org`; shown until the user writes their own. */
  suffix?: string | undefined;
  inputRef?: Ref<HTMLInputElement>;
  /** Takes the focus when the dialog that it is in opens. */
  first?: boolean;
}

export function Field(props: FieldProps) {
  const { label, value, onInput, error, hint, type = 'text', suffix, inputRef } = props;
  const [shown, setShown] = useState(false);
  const id = useId();
  const kind = {
    type: type === 'password' && !shown ? 'password' : 'text',
    inputMode: type === 'email' ? 'email' : undefined,
  } as InputHTMLAttributes<HTMLInputElement>;
  const notes = [error && `${id}e`, hint && `${id}h`].filter(Boolean).join(' ');
  return (
    <div class="fieldset">
      <label for={id}>{label}</label>
      <div class={`input ${error ? 'err' : ''} ${type === 'password' ? 'has-end' : ''}`}>
        <input
          id={id}
          ref={inputRef}
          data-first={props.first}
          {...kind}
          autoComplete={props.autoComplete ?? 'off'}
          autoCapitalize="none"
          spellcheck={false}
          dir={type !== 'text' ? 'ltr' : value ? 'auto' : undefined}
          placeholder={props.placeholder}
          maxLength={props.maxLength}
          aria-required={props.required || undefined}
          aria-invalid={error ? true : undefined}
          aria-describedby={notes || undefined}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {suffix && !value.includes('@') && (
          <span class="suffix" dir="ltr" aria-hidden="true">
            <span class="ghost">{value}</span>
            <span>{suffix}</span>
          </span>
        )}
        {type === 'password' && (
          <IconButton
            icon="eye"
            label={t('field.showPassword')}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          />
        )}
      </div>
      {error && (
        <p class="err-text" id={`${id}e`} role="alert">
          <Icon name="alert" />
          <span>{error}</span>
        </p>
      )}
      {hint && (
        <p class="hint-text" id={`${id}h`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** A number that wants attention; 99+ beyond what fits. */
/** `quiet`: of what is muted. */
export function Badge({ count, label, quiet }: { count: number; label?: string; quiet?: boolean }) {
  if (count <= 0) return null;
  return (
    <span class={quiet ? 'badge badge-quiet' : 'badge'}>
      <span class="sr">{label ?? t('badge.unread')} </span>
      {count > 99 ? '99+' : count}
    </span>
  );
}
