import { expect, test } from 'vitest';
import { reason } from './reasons';
import './reasons-tasks';

test.each([
  ['it is the best of the finalists that keep to the constraints; 2 others could not be ruled out', '在符合限制的决赛者中最好；另有 2 个不能排除。'],
  ['it is the best of the finalists; one other could not be ruled out', '在决赛者中最好；另有 1 个不能排除。'],
  ["it is the only finalist that keeps to the constraints; these examples do not show that it is better than always answering 'bug' (0.550)", '是唯一符合限制的决赛者；凭这些样例看不出它比一律答“bug”（0.550）更好。'],
  ['it is as good as the best of the finalists and takes less; one other could not be ruled out', '与最好的决赛者一样好，而且更省；另有 1 个不能排除。'],
  ["'{{ nope }}' is no field; there are text, shop", '没有字段 {{ nope }}；有 text、shop。'],
  ["'metrics' is not known; `metric` is near", '不认识“metrics”；相近的是 metric。'],
  ["'x' is not known; there are cost, latency", '不认识“x”；有 cost、latency。'],
  ['it is a whole number, and must be a string', '现在是整数，应当是文本。'],
  ['it is a list, and must be a table: a field and what is in it', '现在是列表，应当是表：字段，以及里面是什么。'],
  ["tasks/a.toml:2:1: metrics: 'metrics' is not known; `metric` is near\ntasks/a.toml:1:16: instructions: they are empty; say what the model is to do", 'tasks/a.toml 第 2 行，metrics：不认识“metrics”；相近的是 metric\ntasks/a.toml 第 1 行，instructions：是空的；请说明模型要做什么。'],
  ['its label is empty', '标签是空的。'],
  ['the judge graded none of 8 answers: the judge \'m\' gave no grade, but: fine', '裁判对 8 个回答一个也没有评出：裁判 m 没有给出等级，而是：fine。'],
  ["g.jsonl has no graded answer of 'polite': row 1: its label is empty", 'g.jsonl 里没有“polite”的人工评过的回答：第 1 行：标签是空的。'],
  ["'x' is no judge; name an installed model or one of models.toml", '“x”不能作裁判；请写已安装的模型或 models.toml 里的模型。'],
  ['its label is not what the task answers: "中立" is not one of "正面" or "负面"', '标签不合任务的答案形式："中立" 不在 "正面"、"负面" 之中。'],
  ['it is not what the task answers: 3 is not of type "string"', '它不合任务的答案形式：3 不是文本。'],
  ['it is not what the task answers: "order" is a required property', '它不合任务的答案形式：缺少 order。'],
  ['the field `text` is missing or empty', '缺少字段 text，或它是空的。'],
  ['the field `text` is missing or empty; the row has txt, id', '缺少字段 text，或它是空的；这一条有 txt、id。'],
  ['it has no label: no `output`, `label` among text, stars; name its column with --label', '没有标签：各列是 text、stars；请写上标签列的名称。'],
  ["'.docx' files are not read as rows; give .jsonl, .csv, .tsv or .xlsx", '.docx 文件不能当作数据读；请用 .jsonl、.csv、.tsv 或 .xlsx。'],
  ['the quotation mark in line 3 of the file is never closed; all after it is one cell', '文件第 3 行的引号没有闭合，后面的内容都成了一个单元格。'],
  ['it has 3 cells, and the head names 2; is a quotation mark missing?', '有 3 个单元格，表头是 2 个；是不是少了引号？。'],
  ['4 labelled examples are too few to choose by: 1 to race on and 1 to measure on are left; label ten at least, better a hundred', '4 条标注太少，无法选择：竞赛只剩 1 条，测量只剩 1 条；至少标注十条，一百条更稳当。'],
  ["'labels' is no way to do 'facts': it answers with one of several labels, and the task does not", 'labels 做不了“facts”：它在几个标签里选一个，而这个任务不是这样。'],
  ["Invalid value for 'rows': 2000 rows; give 1 to 1000, or use `sumeru run`.", 'rows：有 2000 条；一次 1 到 1000 条。'],
  ["refused: Secret data stays on this machine, but 'far' runs elsewhere (cn); use a local model.", '策略不允许：机密数据不出这台机器，而 far 在别处运行；请用本地模型。'],
  ["'far' cannot be reached at api.example.com (dns error); check base_url and the network. It was asked 4 times.", '连不上 far（api.example.com，dns error）；请检查 base_url 和网络；已问过 4 次。'],
  ["Not sent: this call of 'far' may cost 0.0200 CNY, and of the limit of 20 CNY 0.0100 are left; lower max_tokens, or raise spend_limit.", '没有发出：这次调用 far 可能要 0.0200 CNY，上限 20 CNY 还剩 0.0100；请减少 max_tokens，或提高 spend_limit。'],
  ["The task 'nope' is not in tasks; there are polarity.", '没有名为“nope”的任务。'],
  ["'a b' is no name for a task; it may have the letters a to z, digits, `-` and `_`, 64 at most", '“a b”不能作任务的名称；可用字母、数字、- 和 _，最多 64 个。'],
  ['tasks/a.toml is there already; choose another name, or edit it', 'tasks/a.toml 已经存在；请换一个名字，或修改它。'],
  ["the answer is not of the task's form (\"x\" is not one of \"a\" or \"b\"): x", '答案不合任务的形式（"x" 不在 "a"、"b" 之中）：x。'],
  ['tasks/a.toml: Permission denied (os error 13); check the path and that it may be read and written', 'tasks/a.toml：没有权限；请检查路径、权限和磁盘空间。'],
  ["a choice for 'polarity' is under way already; watch it, or stop it first", '“polarity”正在选择；请等它完成，或先停下。'],
  ["Invalid value for 'rows[3].output': it is not what the task answers: \"x\" is not one of \"a\" or \"b\".", 'rows[3].output：它不合任务的答案形式："x" 不在 "a"、"b" 之中。'],
  ["Invalid value for 'language': 'fr' is neither en nor zh.", 'language：“fr”不是 en，也不是 zh。'],
  ["the column 'my text' seems to be what is to be read, and its name is no word of letters, digits and `_`, by which instructions could name it; rename it in the head of the table, `text` for instance", '要读的似乎是“my text”一列，但字段名只能用字母、汉字、数字和 _；请在表头改名，例如 text。'],
  ["no column could be the template's `text`, what is to be read: there are id, label; call one `text`", '没有一列像是要读的内容：有 id、label；请把它命名为 text。'],
  ['no row is an example that the template could be fitted to: its label is empty; the template answers with `sentiment`, `aspects`: call the columns so', '没有一条能作例子：标签是空的；模板的答案有 sentiment、aspects，列请这样命名。'],
  ["there is no column 'x' to read; there are id, text", '没有“x”一列可读；有 id、text。'],
  ['there is no row in it; give labelled rows, or begin without a table', '里面没有一条数据；请给有标注的数据，或不给文件。'],
  ['300 different labels of `area` in 310 rows are no labels to choose from; is another column meant (--label), or is the answer a text (a template such as rewrite)?', '310 条里有 300 种不同的 area，不像是可选的标签；标注是否在另一列？答案若是文字，请用 rewrite 之类的模板。'],
  ["'x' is no template; there are answer, classify", '没有模板“x”；有 answer、classify。'],
  ["Invalid value for 'set': there is `source` besides; give one of the two.", 'set：已经给了 source；两个只给一个。'],
  ["Invalid value for 'rows': there is none; give one at least.", 'rows：一条也没有；至少给一条。'],
  ['rows[2]: its tags are no list of texts', '第 3 条：标记不是文本的列表。'],
  ["rows[0]: its label is not what the task answers: 3 is not of types \"string\", \"null\"", '第 1 条：标签不合任务的答案形式：3 不是文本或空值。'],
  ["Invalid value for 'after': '-1' is no whole number from 0 to 1000.", 'after：“-1”不是 0 到 1000 的整数。'],
  ["Unknown query parameter: 'x'. There are file, label.", '不认识查询参数 x；有 file、label。'],
  ["Missing query parameter: 'file'. The file's name, whose ending says what it is: .jsonl, .csv, .tsv or .xlsx.", '缺少查询参数 file。'],
  ['The file is larger than 64 MB, the most this server reads at once; send it in parts.', '文件超过 64 MB，这是一次的上限；请分几次上传。'],
  ["The body is empty; send the file's bytes.", '文件是空的。'],
  ["Invalid value for 'routes[1]': 'x' is no route; there are prompt, labels.", 'routes[1]：没有做法“x”；有 prompt、labels。'],
  ["'retrieval:6' is no way to do 'polarity': it needs passages, and the task names no `knowledge_base`", 'retrieval:6 做不了“polarity”：它需要段落，而任务没有写 knowledge_base。'],
  ["The examples of the decision 'x' were not kept with it; choose again to see answers.", '决定 x 没有留下样例；再选一次就能看到逐条的回答。'],
  ['/w/decisions/x.outputs.jsonl: a line of it is no example (EOF while parsing); choose again', '/w/decisions/x.outputs.jsonl 里有一行不是样例；请再选一次。'],
  ['/w/data/a.jsonl: No space left on device (os error 28); check the path, that it may be written to, and that the disk has room', '/w/data/a.jsonl：磁盘满了；请检查路径、权限和磁盘空间。'],
  ['set.examples: a list cannot hold null; leave it out', 'examples：列表里不能有空值；请去掉它。'],
  ["The decision 'x-1' of 'polarity' is not there; GET /v1/tasks/polarity/decisions lists those there are.", '“polarity”没有决定 x-1。'],
])('%s', (english, chinese) => {
  expect(reason(english, 'zh')).toBe(chinese);
  expect(reason(english, 'en')).toBe(english);
});

test('lines of which one is not known stay as they came', () => {
  const english = 'its label is empty\nit is haunted';
  expect(reason(english, 'zh')).toBe(english);
});
