//! Tokens and vectors of a model file without a server, for trying a model before anything is installed.
//!
//! `parity tokens MODEL.gguf LINES` prints the ids of each line (a JSON string) as JSON;
//! `parity continue MODEL.gguf LINES` prints the 64 likeliest tokens after each line as a JSON list;
//! `parity exact MODEL.gguf LINES` prints the likeliest tokens after each line and their log-probabilities, activations not rounded;
//! `parity logits MODEL.gguf PROMPTS.json OUT.f32 exact|rounded` writes the logits after every token of each list of ids;
//! `parity gradients MODEL.gguf PROMPTS.json` prints the loss of each list of ids, and the length of each tensor's gradient, as JSON;
//! `parity scan ROWS CHANNELS STATES IN.f32 OUT.f32` runs Mamba-1's scan: input, step, put, take, decay and by, one after the other;
//! `parity vectors PATH CARD.json PURPOSE LINES` prints a vector for each line and the time to standard error;
//! `parity convert CONTAINER FOLDER` turns an E5S1 container into a GGUF;
//! `parity folder HF FOLDER f32|f16|q8_0` turns a Hugging Face folder into a GGUF.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use domain::{Embedder, LanguageModel, Prompt, Purpose, Request};
use engine::gguf::Gguf;
use engine::{LoadOptions, LocalEmbedder, LocalModel, Tokenizer, convert};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tokens", model, lines] => tokens(model.as_ref(), lines.as_ref()),
        ["continue", model, lines] => continuations(model.as_ref(), lines.as_ref()),
        ["exact", model, lines] => exact(model.as_ref(), lines.as_ref()),
        ["vectors", path, card, purpose, lines] => vectors(path.as_ref(), card.as_ref(), purpose, lines.as_ref()),
        ["logits", model, prompts, out, how] => logits(model.as_ref(), prompts.as_ref(), out.as_ref(), *how == "exact"),
        ["gradients", model, prompts] => gradients(model.as_ref(), prompts.as_ref()),
        ["scan", rows, channels, states, from, out] => {
            scan([rows.parse()?, channels.parse()?, states.parse()?], from.as_ref(), out.as_ref())
        }
        ["convert", container, folder] => Ok(convert::e5s1(container.as_ref(), folder.as_ref())?),
        ["folder", from, to, matrices] => folder(from.as_ref(), to.as_ref(), matrices),
        _ => Err(
            "tokens MODEL LINES | continue MODEL LINES | exact MODEL LINES | logits MODEL PROMPTS OUT exact|rounded | gradients MODEL PROMPTS | scan ROWS CHANNELS STATES IN OUT | vectors PATH CARD PURPOSE LINES | convert CONTAINER FOLDER | folder HF FOLDER f32|f16|q8_0"
                .into(),
        ),
    }
}

fn folder(from: &Path, to: &Path, matrices: &str) -> Done {
    let matrices = match matrices {
        "f32" => convert::Matrices::F32,
        "f16" => convert::Matrices::F16,
        "q8_0" => convert::Matrices::Q8_0,
        other => return Err(format!("{other}: not f32, f16 or q8_0").into()),
    };
    convert::Folder::open(from, matrices)?.convert(to, &mut |_| {})?;
    Ok(())
}

fn read_lines(path: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn tokens(model: &Path, lines: &Path) -> Done {
    let tokenizer = Tokenizer::from_gguf(&Gguf::open(model)?)?;
    let mut out = std::io::stdout().lock();
    for line in read_lines(lines)? {
        writeln!(out, "{}", serde_json::to_string(&tokenizer.encode(&line))?)?;
    }
    Ok(())
}

fn continuations(model: &Path, lines: &Path) -> Done {
    let model = LocalModel::load(model, &LoadOptions::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut out = std::io::stdout().lock();
    for line in read_lines(lines)? {
        let mut request = Request::new(Prompt::Text(line));
        request.sampling.temperature = Some(0.0);
        request.max_tokens = Some(64);
        request.logprobs = Some(0);
        let answer = runtime.block_on(domain::collect(model.generate(request)))?;
        let tokens = answer.tokens.iter().map(|token| String::from_utf8_lossy(&token.bytes).into_owned());
        writeln!(out, "{}", serde_json::to_string(&tokens.collect::<Vec<_>>())?)?;
    }
    Ok(())
}

fn exact(model: &Path, lines: &Path) -> Done {
    let model = LocalModel::load(model, &LoadOptions { exact: true, ..LoadOptions::default() })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut out = std::io::stdout().lock();
    for line in read_lines(lines)? {
        let mut request = Request::new(Prompt::Text(line));
        (request.sampling.temperature, request.max_tokens, request.logprobs) = (Some(0.0), Some(1), Some(20));
        let answer = runtime.block_on(domain::collect(model.generate(request)))?;
        let rivals = answer.tokens.iter().flat_map(|token| &token.rivals);
        let rivals: Vec<_> = rivals.map(|rival| (String::from_utf8_lossy(&rival.bytes), rival.logprob)).collect();
        writeln!(out, "{}", serde_json::to_string(&rivals)?)?;
    }
    Ok(())
}

fn read_prompts(path: &Path) -> Result<Vec<Vec<u32>>, Box<dyn std::error::Error>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn logits(model: &Path, prompts: &Path, out: &Path, exact: bool) -> Done {
    let mut out = std::io::BufWriter::new(std::fs::File::create(out)?);
    for ids in read_prompts(prompts)? {
        for logit in engine::logits(model, &ids, exact)? {
            out.write_all(&logit.to_le_bytes())?;
        }
    }
    Ok(out.flush()?)
}

fn gradients(model: &Path, prompts: &Path) -> Done {
    let mut all = Vec::new();
    for ids in read_prompts(prompts)?.iter().filter(|ids| ids.len() > 1) {
        let (loss, gradients) = engine::gradients(model, ids)?;
        let length = |grad: &Vec<f32>| grad.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        let lengths: std::collections::BTreeMap<_, _> =
            gradients.iter().map(|(name, grad)| (name.clone(), length(grad))).collect();
        all.push(serde_json::json!({"tokens": ids.len(), "loss": loss, "gradients": lengths}));
    }
    writeln!(std::io::stdout(), "{}", serde_json::Value::from(all))?;
    Ok(())
}

fn scan([rows, channels, states]: [usize; 3], from: &Path, out: &Path) -> Done {
    let bytes = std::fs::read(from)?;
    let mut all = bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number));
    let mut take = |len: usize| -> Vec<f32> { all.by_ref().take(len).collect() };
    let (x, delta) = (take(rows * channels), take(rows * channels));
    let (put, taken) = (take(rows * states), take(rows * states));
    let (decay, by) = (take(channels * states), take(channels));
    let scan = kernels::Scan { states, x: &x, delta: &delta, decay: &decay, put: &put, take: &taken, by: &by };
    let (mut y, mut state) = (vec![0.0; rows * channels], vec![0.0; channels * states]);
    let mut runs = [kernels::Run { rows: 0..rows, state: &mut state }];
    kernels::scan(&kernels::Pool::new(kernels::default_threads()), &mut y, scan, &mut runs);
    Ok(std::fs::write(out, y.iter().flat_map(|y| y.to_le_bytes()).collect::<Vec<u8>>())?)
}

fn vectors(path: &Path, card: &Path, purpose: &str, lines: &Path) -> Done {
    let embedder = LocalEmbedder::load(path, &serde_json::from_slice(&std::fs::read(card)?)?)?;
    let purpose = match purpose {
        "query" => Purpose::Query,
        "passage" => Purpose::Passage,
        _ => Purpose::Plain,
    };
    let texts = read_lines(lines)?;
    let count = texts.len();
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let embeddings = runtime.block_on(embedder.embed(texts, purpose))?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = count as f64 / seconds;
    writeln!(std::io::stderr(), "{count} texts, {} tokens, {seconds:.2} s, {rate:.2} texts/s", embeddings.tokens)?;
    let mut out = std::io::stdout().lock();
    for vector in embeddings.vectors {
        writeln!(out, "{}", serde_json::to_string(&vector)?)?;
    }
    Ok(())
}
