"""A corpus of nasty lines, the same every time: what people write, and what breaks tokenizers."""

import random

ENGLISH = """The cat sat on the mat; it didn't move until they've left, and we'll see what I'm told she'd say.
Retrieval-augmented generation grounds an answer in passages that were found first.
HTTP/1.1 200 OK\tContent-Length: 348  Keep-Alive: timeout=5, max=100
In 1984, 3.14159 and 2,718,281 were numbers; so are 1e-9, 0xFF, 007 and 12345678901234567890.
IT'S DON'T WE'LL I'VE They'Re HE'D it's naïve café résumé coöperate Ångström straße ﬁne ﬀ ½ ² ™
An e-mail to first.last+tag@example.co.uk costs $3.50 (or €3,20 / £2.80)!!! Really?!?!...
""".splitlines()
CHINESE = """人工智能正在改变世界，检索增强生成让回答有据可查。
今天天气不错，我们去公园散步吧！你觉得怎么样？
《红楼梦》是中国古典四大名著之一，作者曹雪芹。
第三条：甲方应于二〇二四年十二月三十一日前支付人民币壹佰万元整（￥1,000,000.00）。
繁體中文：資訊檢索與自然語言處理；全形ＡＢＣ１２３，。！？
鱻龘靐齉𠀀𠮷㐂〇々〆ヶ
""".splitlines()
CODE = [
    "def f(x: int) -> int:\n    return x ** 2  # square\n",
    "fn main() {\n\tprintln!(\"{:?}\", vec![1, 2, 3]);\n}\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * c[i]; }",
    "SELECT * FROM users WHERE id = 1 OR '1'='1'; -- drop",
    "<div class=\"a b\"><p>&nbsp;&amp;</p></div><!-- x -->",
    "{\"a\": [1, 2.5e10, null, true], \"b\": {\"c\": \"\\u4f60\\n\"}}",
    "\\begin{align}\\frac{a}{b} &= \\sum_{i=0}^{\\infty} x_i \\\\ \\end{align}",
    "if __name__ == '__main__':\r\n\tmain()\r\n",
    "#include <stdio.h>\n#define X(a,b) ((a)>(b)?(a):(b))\n\n\n",
]
OTHERS = [
    "Привет, мир! Как дела? Ёлка", "مرحبا بالعالم، كيف حالك؟", "שלום עולם", "नमस्ते दुनिया क्षत्रिय", "สวัสดีชาวโลก",
    "안녕하세요 세계 한국어", "こんにちは世界、カタカナ・ひらがな", "Γειά σου Κόσμε", "Xin chào thế giới ạ ế ộ", "ქართული ენა",
    "አማርኛ", "ខ្មែរ", "မြန်မာ", "Zażółć gęślą jaźń", "İstanbul ığüşöç",
    "e\u0301 a\u0308 n\u0303 q\u0307\u0323 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
]
EMOJI = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇨🇳🇺🇸", "❤️", "☃", "🤷🏻‍♀️", "1️⃣", "✨🎉🚀", "\U0001f9ff", "⚙︎"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028", "\v", "\f", "\u0085"]
CONTROLS = ["\u0001", "\u0007", "\u001b[31m", "\u007f", "\ufeff", "\u202e", "\u200d", "\ufffd", "\ue000", "\uffff", "\U0010ffff", "\u2581", "\u0100"]
SPECIALS = [
    "<|im_start|>user\nhi<|im_end|>", "<s>", "</s>", "<bos>", "<eos>", "<unk>", "<pad>", "<|endoftext|>", "<start_of_turn>model",
    "<end_of_turn>", "[CLS] a [SEP]", "<0x0A>", "<|fim_prefix|>x<|fim_suffix|>", "<unused12>", "<repo_name>", "<mask>",
    "<|im_start", "|>", "<tool_call>{}</tool_call>", "[multimodal]", "<table><tr><td>",
]


def corpus(lines=2400):
    """At least `lines` texts; none is empty."""
    dice = random.Random(20260131)
    prose = ENGLISH + CHINESE + OTHERS
    pieces = prose + CODE + EMOJI + SPACES + CONTROLS + SPECIALS
    texts = [piece for piece in pieces if piece]
    texts += [space * n for space in SPACES for n in (2, 3, 7, 16, 65)]
    texts += [char * n for char in "aA0-=_.#*\n哈😀ß'" for n in (2, 3, 5, 17, 100, 1000)]
    texts += ["".join(dice.choices("ab ", k=200)) for _ in range(20)]
    texts += ["".join(dice.choices(" \n\t\r", k=30)) + "x" for _ in range(40)]
    words = " ".join(prose).split()
    while len(texts) < lines:
        kind = dice.randrange(6)
        if kind == 0:
            text = "".join(dice.choice(pieces) for _ in range(dice.randint(2, 6)))
        elif kind == 1:
            text = " ".join(dice.choice(words) for _ in range(dice.randint(1, 30)))
        elif kind == 2:
            text = "".join(dice.choice(dice.choice(pieces)) for _ in range(dice.randint(1, 60)))
        elif kind == 3:
            text = "".join(any_character(dice) for _ in range(dice.randint(1, 40)))
        elif kind == 4:
            code = dice.choice(CODE)
            text = dice.choice(SPACES) + code[dice.randrange(len(code)) :] + dice.choice(prose)
        else:
            text = dice.choice(prose)[: dice.randint(1, 40)] + dice.choice(SPACES) * dice.randint(1, 9) + dice.choice(words)
        if text:
            texts.append(text)
    return texts


def any_character(dice):
    """Some character of some script; never a surrogate."""
    low, high = dice.choice([(1, 0x7F), (0x80, 0x2FF), (0x300, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20, 0x7E)])
    return chr(dice.randint(low, high))


PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n",
    "Once upon a time, in a small village,",
    "中国的首都是",
    "Q: What is 12 + 30?\nA:",
    "import numpy as np\n\ndef softmax(x):\n",
    "The three primary colours are",
    "SELECT name, age FROM",
    "List of planets: Mercury, Venus, Earth,",
    "春眠不觉晓，",
    "fn main() {\n    let numbers = vec![1, 2, 3];\n",
    "To make a cup of tea, first",
    "Water boils at a temperature of",
    "class Stack:\n    def __init__(self):\n",
    "The opposite of hot is",
    "1, 2, 3, 4, 5,",
    "Dear Sir or Madam,\n\nI am writing to",
    "In 1969, the first human",
    "function add(a, b) {\n",
    "机器学习是",
]

# For a model that knows no Chinese: its vocabulary spreads such characters over several tokens, whose gaps llama.cpp does not report.
ENGLISH_PROMPTS = [prompt for prompt in PROMPTS if prompt.isascii()] + [
    "The quick brown fox",
    "Photosynthesis is the process by which",
    "<html>\n<head>\n",
]

PASSAGES = [
    "A cat sleeps on the warm windowsill.", "猫在温暖的窗台上睡觉。", "The stock market fell by three percent on Monday.",
    "How do I reset my password?", "如何重置我的密码？", "The mitochondrion is the powerhouse of the cell.",
    "Der schnelle braune Fuchs springt über den faulen Hund.", "El perro corre por el parque cada mañana.",
    "def add(a, b): return a + b", "Version 2.1 was released on 14 March 2023.", "a", "量子计算机利用叠加态进行计算。",
    "The contract ends on 31 December unless both parties agree in writing to renew it.",
    " ".join(["Long passages are cut at the limit of the model."] * 12),
    "Tokyo is the capital of Japan. Its population is about fourteen million people.",
    "北京是中华人民共和国的首都，人口超过两千万。",
]
