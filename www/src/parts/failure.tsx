import type { Code } from 'muttr';
import type { ComponentChildren, JSX } from 'preact';
import { known, say } from '../i18n/words';
import { Icon } from './icon';

/** One sentence: what happened, what was kept, what to do; the code small behind it. */
export function Failure({ code, children }: { code: Code | undefined; children?: ComponentChildren }): JSX.Element | null {
  if (code === undefined) return null;
  return (
    <div class="failure" role="alert" data-code={code}>
      <Icon name="failed" />
      <p>
        {sentenceOf(code)} <code>{code}</code>
      </p>
      {children}
    </div>
  );
}

/** The sentence for a code. */
export function sentenceOf(code: Code): string {
  const id = `failure-${code}`;
  return known(id) ? say(id) : say('failure-UNKNOWN');
}
