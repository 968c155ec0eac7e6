import Markdown, { type MarkdownIt, type RendererRule } from 'markdown-it';
import { CLOSE, OPEN } from './text';

/** Words the renderer needs, in the reader's language. */
export interface Labels {
  copy: string;
  citation: (marker: string) => string;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] ?? sign);
}

/** A column's side as a class: the page's policy forbids style attributes. */
const alignedCell: RendererRule = (tokens, index) => {
  const token = tokens[index];
  const side = /text-align:(center|right)/.exec(String(token?.attrGet('style') ?? ''))?.[1];
  return `<${token?.tag ?? 'td'}${side ? ` class="${side}"` : ''}>`;
};

function build(): MarkdownIt {
  // Raw HTML stays text; pictures would fetch from elsewhere, so they stay text too.
  const md = new Markdown({ html: false, linkify: false, breaks: true });
  md.disable('image');
  md.inline.ruler.push('citation', (state, silent) => {
    if (state.src[state.pos] !== OPEN) return false;
    const end = state.src.indexOf(CLOSE, state.pos);
    if (end < 0) return false;
    if (!silent) state.push('citation', '', 0).content = state.src.slice(state.pos + 1, end);
    state.pos = end + 1;
    return true;
  });
  md.renderer.rules.fence = withEnv((tokens, index, env) => {
    const token = tokens[index];
    const language = escape(token?.info.trim().split(/\s+/)[0] ?? '');
    const head = `<div class="code-head"><span>${language}</span><button type="button" data-copy>${escape(env.labels.copy)}</button></div>`;
    return `<div class="code">${head}<pre tabindex="0"><code>${escape(token?.content ?? '')}</code></pre></div>`;
  });
  md.renderer.rules.citation = withEnv((tokens, index, env) => {
    const at = tokens[index]?.content ?? '';
    const marker = env.markers[Number(at)] ?? '?';
    // A word joiner: a number never begins a line.
    return `\u2060<button type="button" class="cite" data-cite="${escape(at)}" aria-label="${escape(env.labels.citation(marker))}">${escape(marker)}</button>`;
  });
  md.renderer.rules.table_open = () => '<div class="table-scroll" tabindex="0"><table>';
  md.renderer.rules.table_close = () => '</table></div>';
  for (const cell of ['th_open', 'td_open']) md.renderer.rules[cell] = alignedCell;
  md.renderer.rules.link_open = (tokens, index, options, _env, self) => {
    tokens[index]?.attrSet('target', '_blank');
    tokens[index]?.attrSet('rel', 'noopener noreferrer');
    return self.renderToken(tokens, index, options);
  };
  return md;
}

interface Env {
  labels: Labels;
  markers: string[];
}

type Tokens = Parameters<RendererRule>[0];

/** A rule that needs what `render` was given; markdown-it types it as a bag of anything. */
function withEnv(rule: (tokens: Tokens, index: number, env: Env) => string): RendererRule {
  return (tokens, index, _options, env) => rule(tokens, index, env as unknown as Env);
}

/** Text runs end at a citation's opening sign, which markdown-it does not know as special. */
function splitRuns(md: MarkdownIt): MarkdownIt {
  md.inline.ruler.at('text', (state, silent) => {
    let end = state.pos;
    while (end < state.posMax && !/[\n!"#$%&'()*+\-/:<=>@[\\\]^_`{|}~\uE000]/.test(state.src[end] ?? '')) end += 1;
    if (end === state.pos) return false;
    if (!silent) state.pending += state.src.slice(state.pos, end);
    state.pos = end;
    return true;
  });
  return md;
}

const md = splitRuns(build());

/** Renders a model's markdown to safe HTML. */
export function render(text: string, markers: string[], labels: Labels): string {
  return md.render(text, { labels, markers } satisfies Env);
}
