import { describe, expect, test } from 'vitest';
import { render } from './markdown';
import { CLOSE, OPEN } from './text';

const labels = { copy: 'Copy "it"', citation: (marker: string) => `Source <${marker}>` };
const html = (text: string, markers: string[] = []) => render(text, markers, labels);

describe('nothing a model writes becomes markup of its own', () => {
  test('raw HTML stays text', () => {
    expect(html('<script>alert(1)</script> <b onclick="x()">b</b>')).not.toMatch(/<script|<b /);
    expect(html('<div>\n<img src=x onerror=alert(1)>\n</div>')).not.toMatch(/<(div|img)/);
  });

  test('no picture is fetched', () => {
    expect(html('![x](https://example.com/x.png)')).not.toContain('<img');
  });

  test('links that run something are no links', () => {
    for (const scheme of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'vbscript:x', 'data:text/html;base64,PHNjcmlwdD4=', 'file:///etc/passwd']) {
      expect(html(`[x](${scheme})`)).not.toContain('href');
    }
  });

  test('links open elsewhere and give nothing away', () => {
    expect(html('[x](https://example.com)')).toContain('target="_blank" rel="noopener noreferrer"');
  });

  test('a language name or code cannot leave its place', () => {
    const shown = html('```"><img/src=x>\n</code><script>\n```');
    expect(shown).not.toMatch(/<(img|script)/);
    expect(shown).toContain('&lt;/code&gt;&lt;script&gt;');
    expect(shown).toContain('Copy &quot;it&quot;');
  });

  test('the policy forbids style attributes: tables have none', () => {
    const shown = html('| a | b |\n|:--|--:|\n| 1 | 2 |');
    expect(shown).not.toContain('style=');
    expect(shown).toContain('<td>1</td>\n<td class="right">2</td>');
  });
});

describe('citations', () => {
  test('become buttons that carry their index', () => {
    expect(html(`是的。${OPEN}0${CLOSE}然后${OPEN}1${CLOSE}`, ['1', '3'])).toBe(
      '<p>是的。\u2060<button type="button" class="cite" data-cite="0" aria-label="Source &lt;1&gt;">1</button>然后' +
        '\u2060<button type="button" class="cite" data-cite="1" aria-label="Source &lt;3&gt;">3</button></p>\n',
    );
  });

  test('work right after words and within emphasis and tables', () => {
    expect(html(`**bold${OPEN}0${CLOSE}** word${OPEN}0${CLOSE}`, ['1']).match(/data-cite/g)).toHaveLength(2);
    expect(html(`| a |\n|---|\n| b${OPEN}0${CLOSE} |`, ['1'])).toContain('data-cite="0"');
  });

  test('one that leads nowhere is harmless', () => {
    expect(html(`x${OPEN}7"><b>${CLOSE}`)).not.toContain('<b>');
    expect(html(`x${OPEN}never closed`)).toContain('never closed');
  });
});

test('the usual marks', () => {
  expect(html('a\nb')).toBe('<p>a<br>\nb</p>\n');
  expect(html('- **x** `y`')).toContain('<li><strong>x</strong> <code>y</code></li>');
});
