import type { Code } from 'muttr';
import type { ComponentChildren, JSX } from 'preact';
import { known, say } from '../i18n/words';
import { Icon } from './icon';

interface FailureOptions {
  code: Code | undefined;
  /** Another sentence than the one for the code, where more is known. */
  sentence?: string;
  children?: ComponentChildren;
}

/** One sentence: what happened, what was kept, what to do; the code small behind it. */
export function Failure({ code, sentence, children }: FailureOptions): JSX.Element | null {
  if (code === undefined) return null;
  return (
    <div class="failure" role="alert" data-code={code}>
      <Icon name="failed" />
      <p>
        {sentence ?? sentenceOf(code)} <code>{code}</code>
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
