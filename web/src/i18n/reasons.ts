import { bytes } from '../lib/format';
import type { Lang } from './catalogue';

export type Rule = readonly [pattern: RegExp, zh: (...captured: string[]) => string];
export const rule = (pattern: string, zh: string | ((...captured: string[]) => string)): Rule => [
  new RegExp(`^(?:${pattern})(?:; |$)`),
  typeof zh === 'string' ? () => zh : zh,
];
const size = (text: string) => (/^\d+$/.test(text) ? bytes(Number(text), 'zh') : text);

const kinds: Record<string, string> = {
  'a PNG picture': 'PNG 图片',
  'a JPEG picture': 'JPEG 图片',
  'a GIF picture': 'GIF 图片',
  'a program': '程序',
  'a gzip archive': 'gzip 压缩包',
  'a 7z archive': '7z 压缩包',
  'a RAR archive': 'RAR 压缩包',
  'an xz archive': 'xz 压缩包',
  'a zstd archive': 'zstd 压缩包',
  'an audio file': '音频',
  'a model': '模型文件',
  'a database': '数据库',
  archive: '压缩包',
  workbook: '工作簿',
  document: '文档',
  'XML document': 'XML 文档',
};
/** With a space before Latin letters, as everywhere in the catalogue. */
const kind = (english: string) => (kinds[english] ?? english).replace(/^(?=[\w.])/, ' ');

const systems: Record<string, string> = {
  '2': '文件不在了',
  '5': '磁盘读写出错',
  '13': '没有权限',
  '20': '路径里有一段不是文件夹',
  '21': '它是一个文件夹',
  '24': '打开的文件太多',
  '28': '磁盘满了',
  '30': '磁盘是只读的',
  '122': '超出了磁盘配额',
};

/** What the server says in fixed English phrases, clause by clause, and the same in Chinese. */
const rules: Rule[] = [
  // A document that cannot be read: crates/knowledge/src/parse, crates/platform/src/ingest.
  rule(String.raw`it has (\d+) bytes and the limit is (\d+)`, (has, most) => `文件有 ${size(has ?? '')}，上限是 ${size(most ?? '')}`),
  rule('split it into smaller files', '请拆成小一些的文件'),
  rule('it is protected by a password', '文件有密码保护'),
  rule('remove the password in its own program and add it again', '请在原来的程序里去掉密码，再加入'),
  rule('it is in the old binary Office format', '这是旧的二进制 Office 格式'),
  rule(String.raw`save it as \.docx, \.xlsx or \.pptx and add that`, '请另存为 .docx、.xlsx 或 .pptx 再加入'),
  rule('it is (.+?), which holds no text to read', (what) => `这是${kind(what ?? '')}，里面没有可读的文字`),
  rule('it is binary data, not text', '这是二进制数据，不是文字'),
  rule('add a PDF, Office, web or text file', '请加入 PDF、Office、网页或文本文件'),
  rule(String.raw`it is not a sound (.+?) \((.+)\)`, (what, why) => `这不是完好的${kind(what ?? '')}（${inner(why ?? '')}）`),
  rule('open it in its own program and save it again', '请在原来的程序里打开，再保存一次'),
  rule('its content broke the reader for this format', '它的内容让这种格式的阅读器出了错'),
  rule('save it again in its own program, or convert it to PDF or text', '请在原来的程序里再保存一次，或转成 PDF 或文本'),
  rule(String.raw`no thread could be started \((.+?)\)`, (why) => `开不了新线程（${inner(why ?? '')}）`),
  rule('try again later', '请稍后再试'),
  rule('it is encrypted with a password', '文件用密码加密了'),
  rule('remove the password and try again', '请去掉密码再试'),
  rule(String.raw`it is encrypted in a way that cannot be read \((.+?)\)`, (how) => `它的加密方式读不了（${how}）`),
  rule('save it without encryption', '请不加密另存一份'),
  rule('it is encrypted', '文件加密了'),
  rule('remove its password and try again', '请去掉密码再试'),
  rule(String.raw`a stream inside it is compressed (\d+) times over, which no sound document does`, (n) => `里面有一段数据压缩了 ${n} 层，正常的文档不会这样`),
  rule(String.raw`\`(.+?)\` inside it unpacks to more than (\d+) bytes, which no sound document does`, (name, most) => `里面的 ${name} 解压后超过 ${size(most ?? '')}，正常的文档不会这样`),
  rule('check where the file comes from', '请核实文件的来历'),
  rule('check where the file comes from, or print it to a new PDF', '请核实文件的来历，或重新打印成 PDF'),
  rule("it is in Excel's binary format", '这是 Excel 的二进制格式'),
  rule('it is no Excel workbook', '这不是 Excel 的工作簿'),
  rule('it has no sheet', '里面没有工作表'),
  rule('save one with a sheet', '请保存一个有工作表的工作簿'),
  rule(String.raw`its first sheet has more than (\d+) filled cells, or (\d+) MB of text`, (cells, size) => `第一张工作表的非空单元格超过 ${cells} 个，或文字超过 ${size} MB`),
  rule('split it, or save it as CSV', '请拆开，或另存为 CSV'),
  rule(String.raw`save it as \.xlsx and add that`, '请另存为 .xlsx 再加入'),
  rule('it is an archive', '这是一个压缩包'),
  rule('unpack it and add what is inside', '请解压后加入里面的文件'),
  rule('its structure cannot be followed', '结构读不通'),
  rule('no archive begins it', '开头不是压缩包'),
  rule('its main part is missing', '缺少主要部分'),
  rule(String.raw`\`(.+?)\` is missing inside`, (name) => `里面缺少 ${name}`),
  rule(String.raw`\`(.+?)\` says it has (\d+) strings and is too short`, (name, n) => `${name} 自称有 ${n} 个字符串，却太短`),
  rule(String.raw`(\d+) files inside; the limit is (\d+)`, (n, most) => `里面有 ${n} 个文件，上限是 ${most}`),
  rule(String.raw`elements more than (\d+) deep`, (n) => `元素嵌套超过 ${n} 层`),
  rule(String.raw`([^/;]+?) \(os error (\d+)\)`, (english, code) => systems[code ?? ''] ?? english ?? ''),
  rule('check that (.+?) may be read', (path) => `请确认 ${path} 可以读取`),

  // What of a document was not read.
  rule('no text was found', '没有找到文字'),
  rule(String.raw`if it is a scan, run it through text recognition \(OCR\) first`, '如果是扫描件，请先做文字识别（OCR）'),
  rule(String.raw`only the first (\d+) characters were kept`, (n) => `只保留了前 ${n} 个字符`),
  rule('split it into smaller files to have all of it', '要完整保留，请拆成小一些的文件'),
  rule(String.raw`(\d+) characters could not be read as (.+?)`, (n, encoding) => `${n} 个字符按 ${encoding} 编码读不出来`),
  rule("chapter '(.+?)' is missing", (name) => `缺少章节“${name}”`),
  rule(String.raw`elements more than (\d+) deep were left out`, (n) => `略去了嵌套超过 ${n} 层的元素`),
  rule('a record of it is too long and was read in part', '其中一条记录太长，只读了一部分'),
  rule('split it into smaller ones', '请拆成更小的再加'),
  rule('it hides how a stream inside it is packed', '它隐瞒了里面一段数据的压缩方式'),
  rule(String.raw`a stream inside it unpacks to more than (\d+) bytes, or again and again`, (most) => `里面一段数据解压后超过 ${size(most ?? '')}，或层层解压不尽`),
  rule('it is not sound JSON', 'JSON 格式不完好'),
  rule('it was read as plain text', '已按纯文本读入'),
  rule(String.raw`(\d+) lines are not sound JSON and were left out`, (n) => `略去了 ${n} 行不完好的 JSON`),
  rule('only the beginning could be read: (.+)', (why) => `只读出了开头：${inner(why ?? '')}`),
  rule(String.raw`only the first (\d+) of (\d+) pages were read: it is too long`, (n, all) => `共 ${all} 页，只读了前 ${n} 页：太长了`),
  rule(String.raw`page (\d+) could not be read to its end: (.+)`, (n, why) => `第 ${n} 页没有读到底：${inner(why ?? '')}`),
  rule('its content broke the reader', '它的内容让阅读器出了错'),
  rule('it has too many letters', '字太多'),
  rule('it takes too long', '太费时间'),
  rule(String.raw`no text on pages ([\d, ]+?)(?: and (\d+) more)?`, (pages, more) => `第 ${pages?.replace(/, /g, '、')} 页${more ? `和另外 ${more} 页` : ''}没有文字`),
  rule(String.raw`if they are scans, run them through text recognition \(OCR\)`, '如果是扫描件，请先做文字识别（OCR）'),
  rule("sheet '(.+?)' could not be read to its end: (.+)", (name, why) => `工作表“${name}”没有读到底：${inner(why ?? '')}`),
  rule(String.raw`only the first (\d+) filled cells of sheet '(.+?)' were read`, (n, name) => `工作表“${name}”只读了前 ${n} 个有内容的单元格`),
  rule('split it into smaller ones', '请拆成小一些的表'),

  // A file that was not taken: crates/server/src/routes/uploads.rs.
  rule('another file of this upload has the same name', '这次上传里已有同名文件'),
  rule('a file and a folder of this upload have the same name', '这次上传里有文件和文件夹同名'),
  rule('it is larger than (.+?), the most one file may have', (most) => `文件超过 ${most}，这是单个文件的上限`),
  rule('split it', '请拆开'),
  rule('its name holds control characters', '文件名里有控制字符'),
  rule('rename it', '请改名'),
  rule('its name is an absolute path', '文件名是绝对路径'),
  rule('send a path relative to the folder you upload', '请用相对于所上传文件夹的路径'),
  rule(String.raw`its name leads out of its folder \('\.\.'\)`, '文件名通到了文件夹外面（“..”）'),
  rule('send a path inside the folder you upload', '请用所上传文件夹里面的路径'),
  rule('its name is empty', '文件名是空的'),
  rule('give it one', '请起一个'),
  rule('its name is too long', '文件名太长'),
  rule(String.raw`at most (\d+) bytes between slashes and (\d+) in all`, (part, all) => `两个斜杠之间最多 ${part} 字节，总共最多 ${all} 字节`),

  // A knowledge base's database: crates/knowledge/src/schema.rs.
  rule(String.raw`([^;]+?kb\.db): ([^;]+?)`, (path, english) => `${path}：${english}`),
  rule('the disk is full: free some space and run the same command again', '磁盘满了：请腾出空间再试'),
  rule('the file is damaged: remove this knowledge base and ingest its documents again', '文件坏了：请删除这个知识库，再把文档重新入库'),
  rule('another process is writing to it: try again when it is done', '另一个进程正在写它：等它完成再试'),
  rule('check that the folder exists and may be written to', '请确认文件夹存在并且可以写入'),
  rule('run `sumeru doctor` to check the data directory', '请运行 sumeru doctor 检查数据目录'),
  rule(String.raw`([^;]+?) was written by an older version; run any command .*`, (path) => `${path} 是旧版本写的；运行任何一条会写它的命令（例如 sumeru ingest）就会更新`),
  rule(String.raw`([^;]+?) has schema version (\d+), this program knows up to (\d+): it was written by a newer sumeru; use that one`, (path, is, known) => `${path} 的结构版本是 ${is}，这个程序只认到 ${known}：它是更新的 sumeru 写的，请用那一个`),

  // Whole answers of the API that people meet in the pages.
  rule("there is no knowledge base '(.+?)' .*", (name) => `没有名为“${name}”的知识库`),
  rule("there is a knowledge base '(.+?)' already; use it, remove it, or take another name", (name) => `已经有名为“${name}”的知识库；可以直接用它、删除它，或换一个名字`),
  rule("'(.*)' cannot be a knowledge base's name; use lower-case letters of any language, .*", (name) => `“${name}”不能作知识库的名称；可用汉字、任何语言的小写字母、数字、- 和 _，以字母或数字开头，最多 120 字节`),
  rule("'(.+?)' is being ingested and did not stop in a minute; try again when it is done", (name) => `“${name}”正在入库，一分钟内没有停下来；请等它完成再试`),
  rule("'(.+?)' is still being read; remove it when that is done", (name) => `“${name}”还在读取；读完后再删除`),
  rule("the knowledge base '(.+?)' is being removed; ingest again to make a new one", (name) => `知识库“${name}”正在删除；再次入库会建一个新的`),
  rule("'(.+?)' is not in the knowledge base '(.+?)'; .*", (name, base) => `“${name}”不在知识库“${base}”里`),
  rule("this knowledge base has no vectors yet; ingest again .*", '这个知识库还没有向量；请装上算向量的模型再入库，或改用按词搜索'),
  rule('there are no vectors, so only words are searched: (.+)', (why) => `没有向量，只按词搜索：${inner(why ?? '')}`),
  rule('vectors wait: (.+)', (why) => `向量还要等：${inner(why ?? '')}`),
  rule("no language model is installed; .*", '没有安装语言模型；请到“模型”页下载'),
  rule("no embedding model is installed; .*", '没有安装算向量的模型；请到“模型”页下载'),
  rule("model '(.+?)' is not installed; (?:.*; the task of that name is the model '(.+?)'|.*)", (name, task) => `没有安装模型 ${name}；请到“模型”页下载${task ? `；同名的任务作为模型写作 ${task}` : ''}`),
  rule("there is no model '(.+?)', neither installed nor in the catalogue (?:.*; the task of that name is the model '(.+?)'|.*)", (name, task) => `没有名为 ${name} 的模型，目录里也没有${task ? `；同名的任务作为模型写作 ${task}` : ''}`),
  rule("model '(.+?)' is being pulled; stop that, or wait for its end", (name) => `模型 ${name} 正在下载；请停止下载，或等它完成`),
  rule(
    String.raw`model '(.+?)' could not be had from any of its sources:\n([\s\S]+)\ncheck the connection, set a mirror [\s\S]*`,
    (name, sources) => `${name} 从哪个来源都没有下载成功：\n${sources}\n请检查网络；也可以给 Sumeru 设置镜像（--mirror）后重启。继续下载会从断点接着下`,
  ),
  rule(String.raw`the prompt is (\d+) tokens and this model's context is (\d+); shorten it by at least (\d+) tokens`, (n, room, over) => `输入有 ${n} 个词元，这个模型的上下文是 ${room}；请至少缩短 ${over} 个词元`),
  rule(String.raw`(\d+) requests are under way, the most this server takes; try again soon`, (n) => `有 ${n} 个请求正在进行，已到上限；请稍后再试`),
  rule(String.raw`(\d+) requests are ahead and '(.+?)' takes (\d+); .*`, (n, name, room) => `前面有 ${n} 个请求，${name} 最多收 ${room} 个；请稍后再试`),
  rule(String.raw`(.+?) is in use by (?:process (\d+)|another process), which writes to it; .*`, (path, id) => `${path} 正由${id ? `进程 ${id}` : '另一个进程'}写入`),
  rule(String.raw`(/.+?): (.+?) \(os error (\d+)\)`, (path, english, code) => `${path}：${systems[code ?? ''] ?? english}`),
  rule('check that the data directory may be written to and has room', '请确认数据目录可以写入，并且还有空间'),
  rule('check that it may be written to', '请确认它可以写入'),
  rule("'(.+?)' is not a name of this server, which serves this machine only; .*", (name) => `“${name}”不是这台服务器的名字，它只服务本机；请用 127.0.0.1 或 localhost，或在启动时用 --allow-host 允许代理的名字`),
  rule('the question is empty; .*', '问题是空的'),

  // A model's file that is not sound: crates/engine/src/error.rs and where it is read.
  rule(String.raw`(.+?) is damaged or not what it seems: (.+?); get the file again .*`, (path, why) => `${path} 坏了，或者不是它看起来的那种文件（${inner(why ?? '')}）；请重新下载`),
  rule("tensor '(.+?)' holds NaN or infinity, which is no weight", (name) => `张量 ${name} 里有 NaN 或无穷大，那不是权重`),
  rule(String.raw`the tokenizer has (\d+) tokens, the model rows for only (\d+)`, (tokens, rows) => `分词器有 ${tokens} 个词元，模型只有 ${rows} 行`),
  rule(String.raw`the model computed what is no number \(NaN\): .*`, '模型算出了不是数的结果（NaN）：文件里有坏的权重，或者数值超出了范围；请重新下载，或换一个模型'),
  rule(String.raw`embedding model '(.+?)' computed what is no number \(NaN\): .*`, (name) => `向量模型 ${name} 算出了不是数的结果（NaN）：它的文件坏了；请重新下载`),
  rule(String.raw`'(.+?)' cannot be honoured: (.+?)\. Leave that part out, or say it in the prompt`, (param, why) => `${param} 做不到：${inner(why ?? '')}。请去掉这一部分，或写进提示`),
  rule('the answer cannot go on in its grammar: (.+)', (why) => `按这个形式答案写不下去：${inner(why ?? '')}`),
  rule('no text fulfils it', '没有任何文字满足它'),
  rule('it takes too much work: (.+)', (why) => `计算量太大：${why ?? ''}`),
  rule("this model's chat template does not take this conversation: (.+)", (why) => `这个模型的对话模板不接受这段对话：${inner(why ?? '')}`),
];

/** The same in Chinese; null if any part of it is none of the phrases above. */
function translated(english: string): string | null {
  const clauses: string[] = [];
  let rest = english;
  while (rest !== '') {
    let longest: { length: number; zh: string } | null = null;
    for (const [pattern, zh] of rules) {
      const found = pattern.exec(rest);
      if (found && (!longest || found[0].length > longest.length)) longest = { length: found[0].length, zh: zh(...found.slice(1)) };
    }
    if (!longest) return null;
    clauses.push(longest.zh);
    rest = rest.slice(longest.length);
  }
  return clauses.length > 0 ? clauses.join('；') : null;
}

/** A part of a sentence in Chinese, or as it came. */
export function inner(english: string): string {
  return translated(english) ?? english;
}

/** More phrases, that come with the pages which meet them. */
export function addRules(more: readonly Rule[]): void {
  rules.push(...more);
}

/** Several lines, if there is Chinese for each. */
function byLine(english: string): string | null {
  const lines = english.split('\n').map((line) => translated(line.trim().replace(/\.$/, '')));
  return lines.length > 1 && lines.every((line) => line !== null) ? lines.join('\n') : null;
}

/** A reason or a warning of the server's in the reader's language; what is not known stays in the server's words. */
export function reason(english: string, lang: Lang): string {
  const told = english.trim().replace(/\.$/, '');
  const zh = lang === 'zh' ? (translated(told) ?? byLine(told)) : null;
  return zh === null ? english : `${zh}。`;
}
