import type { JSX } from 'preact';
import { say } from '../i18n/words';
import { asName } from '../state/place';

/** The name of the thing, and of the separate seed where it is one. */
export function Brand(): JSX.Element {
  return (
    <div class="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path d="M16 16 7 8M16 16l10-5M16 16 9 25M16 16l9 8" />
        <circle cx="16" cy="16" r="5" />
        <circle cx="7" cy="8" r="3" />
        <rect x="23" y="8" width="6" height="6" rx="1.5" />
        <circle cx="9" cy="25" r="3" />
        <circle cx="25" cy="24" r="3" />
      </svg>
      <span class="name">{say('muttr')}</span>
      {asName !== undefined && (
        <span class="as" data-as={asName} title={say('separate-seed', { name: asName })}>
          {asName}
        </span>
      )}
    </div>
  );
}
