import type { Nodes, PhrasingContent, Root, RootContent } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmAutolinkLiteralFromMarkdown } from 'mdast-util-gfm-autolink-literal';
import { gfmAutolinkLiteral } from 'micromark-extension-gfm-autolink-literal';
import type { ComponentChildren, JSX } from 'preact';
import { useMemo } from 'preact/hooks';

/**
 * Reading Markdown takes longer than the text is long where it is made to: what is longer, has more
 * lines, or a line that begins more lists and quotes within each other, is shown as it is.
 */
const charactersMax = 4_000;
const linesMax = 200;
const nested = /^(?:[ \t]*(?:[>*+-]|\d+[.)])){5}/m;
/** Deeper nesting than this is nobody's message. */
const depthMax = 12;
/** What is not in the subset is text like any other; HTML above all. */
const disabled = [
  'characterReference',
  'codeIndented',
  'definition',
  'headingAtx',
  'htmlFlow',
  'htmlText',
  'labelStartImage',
  'setextUnderline',
  'thematicBreak',
];

/** A message's text: a small subset of Markdown, never HTML, nothing fetched, links shown whole. */
export function MessageText({ text }: { text: string }): JSX.Element {
  const content = useMemo(() => render(text), [text]);
  return (
    <div class="text" dir="auto">
      {content}
    </div>
  );
}

function parse(text: string): Root | undefined {
  if (text.length > charactersMax || nested.test(text) || text.split('\n').length > linesMax)
    return undefined;
  try {
    return fromMarkdown(text, {
      extensions: [gfmAutolinkLiteral(), { disable: { null: disabled } }],
      mdastExtensions: [gfmAutolinkLiteralFromMarkdown()],
    });
  } catch {
    return undefined;
  }
}

function render(text: string): ComponentChildren {
  const tree = parse(text);
  if (tree === undefined) return <p>{text}</p>;
  const source = (node: Nodes): string =>
    text.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0);
  const all = (nodes: readonly (RootContent | PhrasingContent)[], depth: number): ComponentChildren =>
    nodes.map((node) => show(node, depth + 1));

  /** What is left over appears as it was written. */
  const show = (node: RootContent | PhrasingContent, depth: number): ComponentChildren => {
    if (depth > depthMax) return source(node);
    switch (node.type) {
      case 'text':
        return node.value;
      case 'paragraph':
        return <p>{all(node.children, depth)}</p>;
      case 'emphasis':
        return <em>{all(node.children, depth)}</em>;
      case 'strong':
        return <strong>{all(node.children, depth)}</strong>;
      case 'inlineCode':
        return <code>{node.value}</code>;
      case 'code':
        return (
          <pre tabIndex={0}>
            <code>{node.value}</code>
          </pre>
        );
      case 'break':
        return <br />;
      case 'blockquote':
        return <blockquote>{all(node.children, depth)}</blockquote>;
      case 'list':
        return node.ordered ? (
          <ol start={node.start ?? 1}>{all(node.children, depth)}</ol>
        ) : (
          <ul>{all(node.children, depth)}</ul>
        );
      case 'listItem':
        return <li>{all(node.children, depth)}</li>;
      case 'link':
        return (
          <WholeLink
            url={node.url}
            written={source(node)}
            words={all(node.children, depth)}
            plain={plainOf(node.children)}
          />
        );
      default:
        return source(node);
    }
  };
  return all(tree.children, 0);
}

function plainOf(nodes: readonly PhrasingContent[]): string {
  return nodes.map((node) => ('value' in node ? node.value : '')).join('');
}

/** A link with the address it leads to in sight, as the browser understands it. */
function WholeLink({
  url,
  written,
  words,
  plain,
}: {
  url: string;
  written: string;
  words: ComponentChildren;
  plain: string;
}): JSX.Element {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || !['http:', 'https:', 'mailto:'].includes(target.protocol))
    return <>{written}</>;
  const whole = target.protocol === 'mailto:' ? url : target.href;
  const same = plain === whole || `${plain}/` === whole || whole === `mailto:${plain}`;
  return (
    <>
      {!same && <>{words} </>}
      <a href={whole} target="_blank" rel="noopener noreferrer nofollow">
        {same ? plain : `(${whole})`}
      </a>
    </>
  );
}
