import { addRules, inner, rule } from './reasons';

/** What a value in a task's file is. */
const kinds: Record<string, string> = { 'a string': '文本', 'a whole number': '整数', 'a number': '数字', 'true or false': '真或假', 'a date': '日期', 'a list': '列表', 'a table': '表', 'null': '空值', 'an object': '对象', 'an array': '列表', 'a boolean': '真或假', 'an integer': '整数' };
const kind = (english: string | undefined) => kinds[english ?? ''] ?? english ?? '';
/** What a value must be. */
const wanted: Record<string, string> = {
  'a string': '文本',
  'a table': '表',
  'a table: a field and what is in it': '表：字段，以及里面是什么',
  'a list: write `[[examples]]` before each': '列表：每个例子前写 [[examples]]',
  'a table with `input` and `output`': '带 input 和 output 的表',
  "a table of the task's fields": '由任务字段组成的表',
  'a JSON Schema as a table': '写成表的 JSON Schema',
};
const types: Record<string, string> = { string: '文本', integer: '整数', number: '数字', boolean: '真或假', array: '列表', object: '对象', null: '空值' };
const list = (english: string | undefined) => (english ?? '').replace(/, | or | and /g, '、');
const typeNames = (english: string | undefined) => (english ?? '').replace(/"(\w+)"/g, (_, name: string) => types[name] ?? name).replace(/, | or /g, '或');
const markets: Record<string, string> = { '2c': '国内公众', '2b': '国内企业', government: '国内机关', abroad: '境外' };
const market = (english: string | undefined) => markets[english ?? ''] ?? english ?? '';

/** A task's file: crates/platform/src/tasks. */
const file = [
  rule(String.raw`([^\s:]+\.toml):(\d+):(\d+): (?:([\w\[\].?]+): )?(.+)`, (path, line, _column, key, message) => `${path} 第 ${line} 行${key ? `，${key}` : ''}：${inner(message ?? '')}`),
  rule('this is not UTF-8; save the file as UTF-8', '这不是 UTF-8；请把文件存成 UTF-8'),
  rule('put the key in quotes', '请给这个键加上引号'),
  rule('there is `output` besides; keep one of the two', '已经有 output；两个只留一个'),
  rule('there are none; say what the model is to do with a row', '没有写；请说明模型要怎样处理一条数据'),
  rule('they are empty; say what the model is to do', '是空的；请说明模型要做什么'),
  rule('it is empty; name a knowledge base, or leave the key out', '是空的；请写知识库的名称，或去掉这个键'),
  rule('accuracy is of labels, and `output` is no list of labels; `exact` is near', 'accuracy 只用于标签，而 output 不是标签列表；相近的是 exact'),
  rule('it has no field; name what a row holds, such as .+', '没有字段；请写出一条数据里有什么，例如 text = "评价"'),
  rule('a field is a word of letters, digits and `_`, so that instructions can name it', '字段名只能用字母、汉字、数字和 _，这样指示里才能引用'),
  rule('it is (.+?), and must say in a string what is in the field', (is) => `现在是${kind(is)}，应当用文本说明字段里是什么`),
  rule('it is (.+?), and must be (.+)', (is, must) => `现在是${kind(is)}，应当是${wanted[must ?? ''] ?? must}`),
  rule(String.raw`they are no template: (.+?)(?:, in their line (\d+))?`, (why, line) => `不是完好的模板${line ? `（第 ${line} 行）` : ''}：${why}`),
  rule(String.raw`'\{\{ passages \}\}' are a knowledge base's; name one with .+`, '{{ passages }} 来自知识库；请在 knowledge_base 里写上它的名称'),
  rule(String.raw`'\{\{ (.+?) \}\}' is no field; there are (.+)`, (name, there) => `没有字段 {{ ${name} }}；有 ${list(there)}`),
  rule('it needs `input` and `output`', '要有 input 和 output'),
  rule('it is not what the task answers: (.+)', (why) => `它不合任务的答案形式：${inner(why ?? '')}`),
  rule('the field `(.+?)` is missing', (name) => `缺少字段 ${name}`),
  rule("'(.+?)' is not known; `(.+?)` is near", (key, near) => `不认识“${key}”；相近的是 ${near}`),
  rule("'(.+?)' is not known; there are (.+)", (key, there) => `不认识“${key}”；有 ${list(there)}`),
  rule("'(.*?)' is no metric; there are (.+)", (name, there) => `没有指标“${name}”；有 ${list(there)}`),
  rule(String.raw`'(.*?)' is no type; there are (.+?), each with .+`, (name, there) => `没有类型“${name}”；有 ${list(there)}，加 [] 是列表`),
  rule('(.+?) is there twice', (what) => `${what === 'it' ? '它' : what} 出现了两次`),
  rule('a list is either two labels or more, or one table: the record that repeats', '列表要么是两个以上的标签，要么是一个表：重复的那种记录'),
  rule('a record has at least one field', '记录至少要有一个字段'),
  rule(String.raw`it is (.+?); the form of an answer is .+`, (is) => `现在是${kind(is)}；答案的形式是类型（"text"）、标签（["好", "坏"]）、记录（{ ... }）或记录的列表（[{ ... }]）`),
  rule(String.raw`it is no JSON Schema: (.+)`, (why) => `不是完好的 JSON Schema：${inner(why ?? '')}`),
  rule('it must be a time such as "800ms" or "2s"', '应当是时间，例如 "800ms" 或 "2s"'),
  rule('it must be a size such as "2GB"', '应当是大小，例如 "2GB"'),
  rule('it must be a number of at least 0: what 1,000 answers may cost', '应当是不小于 0 的数：每千次最多的费用'),
  rule('it must be public, internal, personal or secret', '应当是 public、internal、personal 或 secret'),
  rule('it must be 2c, 2b, government or abroad', '应当是 2c、2b、government 或 abroad'),
  rule('it must be a list of local, cn and other', '应当是由 local、cn、other 组成的列表'),
  rule("it must be the name of a row's field", '应当是一个字段的名称'),
  rule('it must be a list of `cost`, `latency` and `memory`, most important first', '应当是由 cost、latency、memory 组成的列表，最要紧的在前'),
  rule('there are `cost`, `latency` and `memory`', '有 cost、latency、memory'),
  rule("The task '(.+?)' is not in .+", (name) => `没有名为“${name}”的任务`),
  rule("'(.*?)' is no name for a task; it may have .+", (name) => `“${name}”不能作任务的名称；可用字母、数字、- 和 _，最多 64 个`),
  rule('(.+?) is there already; choose another name, or edit it', (path) => `${path} 已经存在；请换一个名字，或修改它`),
  rule("Nothing was decided for '(.+?)' yet; .+", (name) => `“${name}”还没有选定做法；请到“比较”里选择`),
  rule(String.raw`(\S+?): (.+?); check the path(?: and that it may be read(?: and written)?|, that it may be written to, and that the disk has room)`, (path, why) => `${path}：${inner(why ?? '')}；请检查路径、权限和磁盘空间`),
  rule("'(.*?)' is no template; there are (.+)", (name, there) => `没有模板“${name}”；有 ${list(there)}`),
  rule(String.raw`set\.([\w.]+): (.+)`, (key, why) => `${key}：${inner(why ?? '')}`),
  rule('a list cannot hold null; leave it out', '列表里不能有空值；请去掉它'),
  rule('(\\S+) is too large a number', (number) => `${number} 太大了`),
  rule('TOML parse error.*', '不是完好的 TOML'),
];

/** What jsonschema says of a value. */
const schema = [
  rule(String.raw`(.+?) is not one of (.+)`, (value, all) => `${value} 不在 ${list(all)} 之中`),
  rule(String.raw`(.+?) is not of types? (.+)`, (value, all) => `${value} 不是${typeNames(all)}`),
  rule(String.raw`"(.+?)" is a required property`, (name) => `缺少 ${name}`),
  rule(String.raw`Additional properties are not allowed \((.+?) (?:was|were) unexpected\)`, (names) => `多出了 ${names?.replace(/'/g, '')}`),
  rule(String.raw`(.+?) is not a "(.+?)"`, (value, form) => `${value} 不合 ${form} 的写法`),
  rule(String.raw`(.+?) is less than the minimum of (.+)`, (value, least) => `${value} 小于下限 ${least}`),
  rule(String.raw`(.+?) is greater than the maximum of (.+)`, (value, most) => `${value} 大于上限 ${most}`),
  rule(String.raw`(.+?) is (longer|shorter) than (\d+) characters?`, (value, way, n) => `${value} ${way === 'longer' ? '超过' : '不到'} ${n} 个字`),
  rule(String.raw`(.+?) has (more|less) than (\d+) items?`, (value, way, n) => `${value} ${way === 'more' ? '多于' : '少于'} ${n} 项`),
];

/** Labelled rows: crates/platform/src/data.rs, run/rows.rs. */
const data = [
  rule('its label is empty', '标签是空的'),
  rule('its tags are no list of texts', '标记不是文本的列表'),
  rule('there is none; give one at least', '一条也没有；至少给一条'),
  rule('rows\\[(\\d+)\\](?:\\.(\\w+))?: (.+)', (at, key, why) => `第 ${Number(at) + 1} 条${key ? `的 ${key}` : ''}：${inner(why ?? '')}`),
  rule('This is a form; send the file itself as the body, .+', '这是表单；请直接发送文件本身'),
  rule('The file is larger than (.+?), the most this server reads at once; send it in parts', (most) => `文件超过 ${most}，这是一次的上限；请分几次上传`),
  rule("The body is empty; send the file's bytes", '文件是空的'),
  rule('The body broke off: .+', '文件没有传完；请再传一次'),
  rule('its label is not what the task answers: (.+)', (why) => `标签不合任务的答案形式：${inner(why ?? '')}`),
  rule(String.raw`its label is no JSON \((.+?)\): (.+)`, (_why, text) => `标签不是完好的 JSON：${text}`),
  rule('the field `(.+?)` is missing or empty', (name) => `缺少字段 ${name}，或它是空的`),
  rule('the field `(.+?)` is missing or empty; the row has (.+)', (name, there) => `缺少字段 ${name}，或它是空的；这一条有 ${list(there)}`),
  rule('it has no label: no (.+?) among (.*?); name its column with .+', (_names, there) => `没有标签：各列是 ${list(there)}；请写上标签列的名称`),
  rule('a turn of a conversation has `(.+?)` and `(.+?)`, both texts', (who, what) => `对话的每一轮要有 ${who} 和 ${what}，都是文本`),
  rule('nobody answers in this conversation: .+', '这段对话里没有人回答：没有 assistant 或 gpt 的一轮'),
  rule('nobody asks before the answer: .+', '回答之前没有人提问：没有 user 或 human 的一轮'),
  rule("a conversation has one text for a row, and '(.+?)' has several fields", (name) => `一段对话只有一个文本，而“${name}”有几个字段`),
  rule(String.raw`'\.(.*?)' files are not read as rows; give .+`, (kind) => `.${kind} 文件不能当作数据读；请用 .jsonl、.csv、.tsv 或 .xlsx`),
  rule('this workbook brings its reader down; save it anew, or as CSV', '这个工作簿让阅读器出了错；请另存一份，或存成 CSV'),
  rule('a line is a JSON object, and this is (.+)', (is) => `一行应是一个 JSON 对象，这里是${kind(is)}`),
  rule('this line is no JSON: (.+)', (why) => `这一行不是完好的 JSON：${why}`),
  rule('the first line is no head: (.+)', (why) => `第一行不是表头：${why}`),
  rule('this is no workbook that can be read: (.+)', (why) => `这个工作簿读不出来：${why}`),
  rule('the workbook has no sheet', '工作簿里没有工作表'),
  rule('the first sheet is empty; its first row names the columns', '第一张工作表是空的；它的第一行应是各列的名称'),
  rule('the first row is empty; it names the columns', '第一行是空的；它应是各列的名称'),
  rule("two columns have the name '(.+?)'; give each its own", (name) => `有两列都叫“${name}”；请给每列不同的名称`),
  rule('it has (\\d+) cells, and the head names (\\d+); is a quotation mark missing\\?', (is, head) => `有 ${is} 个单元格，表头是 ${head} 个；是不是少了引号？`),
];

/** Choosing, running and routes: crates/platform/src/choose, routes. */
const choosing = [
  rule('it is the best of the finalists(?: that keep to the constraints)?', '在符合限制的决赛者中最好'),
  rule('it is the only finalist that keeps to the constraints', '是唯一符合限制的决赛者'),
  rule('it is as good as the best of the finalists and takes less', '与最好的决赛者一样好，而且更省'),
  rule('no finalist keeps to the constraints', '没有决赛者符合限制'),
  rule('no candidate could be measured', '没有候选可以测量'),
  rule('one other could not be ruled out', '另有 1 个不能排除'),
  rule('(\\d+) others could not be ruled out', (n) => `另有 ${n} 个不能排除`),
  rule('another process writes to (.+?); wait for it', (path) => `另一个进程正在写 ${path}；请等它完成`),
  rule('no installed model can do this; `sumeru models pull` brings one', '已安装的模型都做不了；请到“模型”页下载'),
  rule(String.raw`(\d+) labelled examples are too few to choose by: (\d+) to race on and (\d+) to measure on are left; .+`, (n, race, test) => `${n} 条标注太少，无法选择：竞赛只剩 ${race} 条，测量只剩 ${test} 条；至少标注十条，一百条更稳当`),
  rule('it answered none of (\\d+): (.+)', (n, why) => `${n} 条都没有答出来：${inner(why ?? '')}`),
  rule("'(.+?)' is no candidate; write ROUTE@MODEL", (name) => `“${name}”不是候选；写成 做法@模型`),
  rule("'(.+?)' is no way to do '(.+?)': (.+)", (route, task, why) => `${route} 做不了“${task}”：${inner(why ?? '')}`),
  rule('it answers with one of several labels, and the task does not', '它在几个标签里选一个，而这个任务不是这样'),
  rule('it needs passages, and the task names no `knowledge_base`', '它需要段落，而任务没有写 knowledge_base'),
  rule("'(.*?)' is no route; there are (.+)", (name, there) => `没有做法“${name}”；有 ${list(there)}`),
  rule("'(.+?)' has no number; leave ':(.+?)' out", (name, n) => `${name} 后面没有数字；请去掉 :${n}`),
  rule("'(.+?)' is no number for (.+?): (\\d+) to (\\d+)", (n, name, least, most) => `${name} 后面的数字应在 ${least} 到 ${most} 之间，不能是 ${n}`),
  rule('a classifier learns from examples of two labels at least; .+', '分类器至少要从两种标签的样例里学习；请多标注一些，或不用这种做法'),
  rule('refused: (.+)', (why) => `策略不允许：${inner((why ?? '').replace(/\.$/, ''))}`),
  rule('the answer was cut after (\\d+) tokens; allow more with .+', (n) => `写到 ${n} 个词元还没写完；请允许更多`),
  rule(String.raw`the answer is no JSON \((.+?)\): (.+)`, (_why, text) => `答案不是完好的 JSON：${text}`),
  rule(String.raw`the answer is not of the task's form \((.+?)\): (.+)`, (why, text) => `答案不合任务的形式（${inner(why ?? '')}）：${text}`),
  rule("the instructions of '(.+?)' cannot be filled in: (.+)", (name, why) => `“${name}”的指示填不进去：${why}`),
  rule('its file has changed since the decision; .+', '选定之后任务文件改过；请到“比较”里再选一次'),
  rule("a choice for '(.+?)' is under way already; watch it, or stop it first", (name) => `“${name}”正在选择；请等它完成，或先停下`),
  rule('a choice could not be made', '选择没有做成'),
  rule("The examples of the decision '(.+?)' were not kept with it; choose again to see answers", (id) => `决定 ${id} 没有留下样例；再选一次就能看到逐条的回答`),
  rule("The decision '(.+?)' of '(.+?)' is not there; .+", (id, task) => `“${task}”没有决定 ${id}`),
  rule('(\\S+?): a line of it is no example .+', (path) => `${path} 里有一行不是样例；请再选一次`),
  rule("Invalid value for '(.+?)': (.+)", (path, why) => `${path}：${inner(why ?? '')}`),
  rule("Invalid type for '(.+?)': expected (.+?), but got (.+?) instead", (path, must, is) => `${path}：应当是${wanted[must ?? ''] ?? kind(must)}，现在是${kind(is)}`),
  rule("Missing required parameter: '(.+?)'", (path) => `缺少 ${path}`),
  rule(String.raw`(\d+) rows; give 1 to (\d+), or use .+`, (n, most) => `有 ${n} 条；一次 1 到 ${most} 条`),
  rule('(.+?) is outside (.+?)\\.\\.=(.+)', (value, least, most) => `${value} 不在 ${least} 到 ${most} 之间`),
];

/** Policies and remote models: crates/domain/src/policy.rs, crates/gateway, crates/platform/src/remotes.rs. */
const remote = [
  rule(String.raw`(.+?)\. It was asked (\d+) times`, (said, n) => `${inner(said ?? '')}；已问过 ${n} 次`),
  rule("Secret data stays on this machine, but '(.+?)' runs elsewhere .*", (model) => `机密数据不出这台机器，而 ${model} 在别处运行；请用本地模型`),
  rule("Secret data needs a model whose weights are open, but those of '(.+?)' are not; .*", (model) => `机密数据只给开放权重的模型，而 ${model} 不是；请换一个本地模型`),
  rule("Personal data of the market '(.+?)' stays in China, but '(.+?)' runs elsewhere .*", (name, model) => `面向${market(name)}的个人数据留在境内，而 ${model} 在别处运行；请用本地模型，或境内不留存数据的模型`),
  rule("Personal data needs a model that keeps nothing, but '(.+?)' keeps what it is sent .*", (model) => `个人数据只给不留存内容的模型，而 ${model} 会留存；请用本地模型`),
  rule("The market '(.+?)' needs a registered model, but '(.+?)' is not; .*", (name, model) => `面向${market(name)}要用已备案的模型，而 ${model} 没有备案；请换已备案的或本地模型`),
  rule("The market '(.+?)' needs a model in China, but '(.+?)' runs elsewhere .*", (name, model) => `面向${market(name)}要用境内的模型，而 ${model} 在别处运行；请用本地模型，或境内已备案的模型`),
  rule(String.raw`'(.+?)' runs in '(.+?)', and this policy allows only \[(.+?)\]; .*`, (model, where, allowed) => `${model} 在 ${where} 运行，而策略只允许 ${list(allowed)}；请换一个，或放宽 allow`),
  rule('(.+?) is no label of data; there are .*', (label) => `${label} 不是数据的敏感程度；有 public、internal、personal、secret`),
  rule("'(.+?)' needs a key: set the environment variable (\\w+)", (name, variable) => `${name} 需要密钥：请设置环境变量 ${variable}`),
  rule("'(.+?)' needs a key; put it in (.+)", (name, where) => `${name} 需要密钥；请放到 ${(where ?? '').replace('the environment variable', '环境变量')}`),
  rule("'(.+?)' said nothing for (\\d+) seconds; .*", (name, n) => `${name} 有 ${n} 秒没有回应；请稍后再试，或加大 timeout_seconds`),
  rule(String.raw`'(.+?)' cannot be asked \((.+?)\); .*`, (name, why) => `问不了 ${name}（${why}）；请检查它的 base_url 和密钥`),
  rule(String.raw`'(.+?)' cannot be reached at (.+?) \((.+?)\); .*`, (name, host, why) => `连不上 ${name}（${host}，${why}）；请检查 base_url 和网络`),
  rule(String.raw`The connection to '(.+?)' at (.+?) broke off \((.+?)\); ask again`, (name, host, why) => `与 ${name}（${host}）的连接断了（${why}）；请再试一次`),
  rule("Not sent: this call of '(.+?)' may cost (.+?) (\\w+), and of the limit of (.+?) \\w+ (.+?) are left; .*", (model, cost, currency, limit, left) => `没有发出：这次调用 ${model} 可能要 ${cost} ${currency}，上限 ${limit} ${currency} 还剩 ${left}；请减少 max_tokens，或提高 spend_limit`),
  rule("'(.+?)' has no price on its card, so no limit can be kept; .*", (name) => `${name} 没有写价格，无法守住上限；请写上价格，免费就写 0`),
  rule("'(.+?)' is paid in '(.+?)', but the limit is in '(.+?)'; .*", (name, paid, limit) => `${name} 用 ${paid} 计费，而上限是 ${limit}；请用同一种货币`),
  rule("'(.+?)' is not supported by a task, whose file says how it answers; .*", (param) => `任务不支持 ${param}：怎样回答由它的文件决定`),
  rule('a task is asked in words; send the prompt as text', '任务只用文字提问；请把提示作为文本发送'),
];

// Of rules that take as much, the first counts: those that begin with any value come last.
addRules([...file, ...data, ...choosing, ...remote, ...schema]);
