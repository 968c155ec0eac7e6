"""What is asked: chats and completions of many kinds and sizes, and what is known of each answer before it comes."""

import asyncio
import json
import random
import re

from client import Connection, Failed, Refused

WORDS = "river stone lantern copper meadow quiet seven harbour window paper orange winter cedar glass morning table Fluss 山水 café".split()
CHOICES = ["yes", "no", "perhaps", "not today"]
PATTERN = r"[a-d]{3}-[0-9]{1,4}"
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["ok", "n"],
    "additionalProperties": False,
}
TYPED = {
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}},
    "choice": {"choice": CHOICES},
    "regex": {"regex": PATTERN},
}
PLAIN = ("plain", "shared prefix", "repeating", "two answers", "logprobs")
KINDS = (*PLAIN, *TYPED)


def words(rng, size):
    """Some `size` bytes of text; a byte is a token of the tiny model."""
    text = " ".join(rng.choice(WORDS) for _ in range(size // 3 + 1)).encode()
    return text[:size].decode(errors="ignore") or "x"


SHARED = [words(random.Random(at), size) for at, size in enumerate((64, 130, 200, 260, 300, 340))]


class Ask:
    """A request, and the checks of its answer."""

    def __init__(self, model, kind, rng, **more):
        self.kind, self.stream, chat = kind, rng.random() < 0.5, rng.random() < 0.5
        text = words(rng, int(401 ** rng.random()))
        if kind == "shared prefix":
            text = rng.choice(SHARED) + words(rng, rng.randint(1, 60))
        elif kind == "repeating":
            text = (words(rng, rng.randint(4, 30)) * 40)[: len(text)]
        self.tokens, self.answers = rng.randint(1, 32), 2 if kind == "two answers" else 1
        body = {"model": model, "n": self.answers, "stream": self.stream, **TYPED.get(kind, {}), **more}
        if kind in ("json_schema", "choice", "regex"):
            self.tokens = 32  # room for the longest answer there is
        body["max_tokens"] = self.tokens
        if self.stream:
            body["stream_options"] = {"include_usage": True}
        if kind == "logprobs":
            body |= {"logprobs": True, "top_logprobs": 3} if chat else {"logprobs": 3}
        body |= {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}
        self.path, self.body = "/v1/chat/completions" if chat else "/v1/completions", body
        self.bytes = json.dumps(body).encode()
        self.known = None

    async def send(self, connection):
        """The answer: of each choice its text, why it ended, and its tokens' probabilities."""
        status, body = await connection.ask("POST", self.path, self.bytes)
        try:
            if status == 429 and json.loads(body)["error"]["code"] == "queue_full":
                raise Refused
            if status != 200:
                raise ValueError(f"status {status}")
            answer, usage = self.streamed(body) if self.stream else self.whole(body)
            self.check(answer, usage)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Failed(f"{self.kind}: {error!r}\n  asked: {self.bytes.decode()}\n  answered: {body.decode(errors='replace')[:3000]}") from None
        return answer

    def whole(self, body):
        body = json.loads(body)
        text = lambda choice: choice["message"]["content"] if "message" in choice else choice["text"]
        choices = sorted(body["choices"], key=lambda choice: choice["index"])
        return [[text(choice) or "", choice["finish_reason"], tokens(choice)] for choice in choices], body["usage"]

    def streamed(self, body):
        frames = [frame for frame in body.decode().split("\n\n") if frame and not frame.startswith(":")]
        if frames.pop() != "data: [DONE]":
            raise ValueError("the stream has no end")
        answer, usage = [["", None, []] for _ in range(self.answers)], None
        for frame in frames:
            chunk = json.loads(frame.removeprefix("data: "))
            usage = chunk["usage"] or usage
            for choice in chunk["choices"]:
                part = answer[choice["index"]]
                if part[1] is not None:
                    raise ValueError("something comes after the end")
                part[0] += (choice["delta"].get("content") if "delta" in choice else choice["text"]) or ""
                part[1] = choice["finish_reason"]
                part[2] += tokens(choice)
        return answer, usage

    def check(self, answer, usage):
        if len(answer) != self.answers or usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]:
            raise ValueError("counts do not fit")
        written, length = usage["completion_tokens"], [reason for _, reason, _ in answer].count("length")
        if not length * self.tokens <= written <= self.answers * self.tokens:
            raise ValueError(f"{written} tokens are counted")
        for text, reason, probabilities in answer:
            if reason not in ("stop", "length") or (self.kind == "logprobs") != bool(probabilities) and written:
                raise ValueError("an answer is not complete")
            whole = {
                "json_object": lambda: reason == "length" or isinstance(json.loads(text), dict),
                "json_schema": lambda: set(json.loads(text)) == {"ok", "n"},
                "choice": lambda: text in CHOICES,
                "regex": lambda: re.fullmatch(PATTERN, text),
            }.get(self.kind, lambda: True)
            if not whole():
                raise ValueError("the answer is not what its form says")
        if self.known not in (None, answer):
            raise ValueError(f"another answer than alone, which was {self.known}")


def tokens(choice):
    """A choice's tokens with their probabilities."""
    told = choice.get("logprobs") or {}
    return told.get("content") or list(zip(told.get("tokens", []), told.get("token_logprobs", []), map(str, told.get("top_logprobs", []))))


class Crowd:
    """Sends asks, comes again when it is refused, leaves early when it is told to; and counts."""

    def __init__(self, server, rng, usual=0.02):
        self.server, self.rng = server, rng
        self.counts = dict.fromkeys(("answered", "left", "refused"), 0)
        self.took, self.answers = usual, 1

    def usual(self):
        """Seconds that an answer takes."""
        return self.took / self.answers

    async def ask(self, connection, ask, patience=None):
        """Whether it was answered; who has little patience, in usual answers, leaves before the first word, in the middle, or too late."""
        clock, wait = asyncio.get_running_loop().time, 0.03
        while True:
            started = clock()
            try:
                await asyncio.wait_for(ask.send(connection), patience and patience * self.usual())
            except Refused:
                self.counts["refused"] += 1
                await asyncio.sleep(wait * (0.5 + self.rng.random()))
                wait = min(2 * wait, 1)
            except asyncio.TimeoutError:
                self.counts["left"] += 1
                connection.close(rudely=self.rng.random() < 0.5)
                return False
            else:
                self.counts["answered"] += 1
                if patience is None:
                    self.took, self.answers = self.took + clock() - started, self.answers + 1
                return True

    async def all_at_once(self, asks, leaving=0.0):
        """Each on a connection of its own; this part of them asks until it has left early."""

        async def one(ask, patience):
            connection = Connection(self.server)
            while await self.ask(connection, ask, patience) and patience:
                patience *= 0.7
            connection.close()

        leave = set(self.rng.sample(range(len(asks)), int(leaving * len(asks))))
        async with asyncio.TaskGroup() as tasks:
            for at, ask in enumerate(asks):
                tasks.create_task(one(ask, self.rng.uniform(0.01, 1.2) if at in leave else None))


async def alone(server, asks):
    """Computes each answer while nothing else runs; the same ask is to be answered so whatever runs beside it."""
    connection = Connection(server)
    for ask in asks:
        ask.known = await ask.send(connection)
    connection.close()
