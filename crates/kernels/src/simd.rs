//! Run-time choice of instruction set.

use std::fmt;
use std::sync::OnceLock;

/// Instruction sets the kernels are written for, from what every machine has to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// Whatever the compiler makes of plain code.
    Portable,
    /// AVX2, FMA and F16C: x86 processors since 2013.
    Avx2,
    /// AVX-512 with VNNI besides: x86 servers since 2019.
    Avx512,
}

/// Names a lower set than the machine has, to measure or to rule one out.
const LIMIT: &str = "SUMERU_INSTRUCTIONS";

impl Instructions {
    const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// What is used on this machine: the widest it has, or less if the environment variable `SUMERU_INSTRUCTIONS` names less.
    pub fn here() -> Self {
        static HERE: OnceLock<Instructions> = OnceLock::new();
        *HERE.get_or_init(|| {
            let named = std::env::var(LIMIT).ok();
            let limit = Self::ALL.into_iter().find(|set| named.as_deref() == Some(set.name()));
            Self::of_machine().min(limit.unwrap_or(Self::Avx512))
        })
    }

    /// What `SUMERU_INSTRUCTIONS` says if it names none of these; it is passed over then.
    pub fn unknown() -> Option<String> {
        let named = std::env::var_os(LIMIT)?.to_string_lossy().into_owned();
        Self::ALL.iter().all(|set| set.name() != named).then_some(named)
    }

    /// As it is written in `SUMERU_INSTRUCTIONS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn of_machine() -> Self {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            _ => Self::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_machine() -> Self {
        Self::Portable
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable code",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512 with VNNI",
        })
    }
}

/// Whether the AVX2 paths may run.
pub(crate) fn has_avx2() -> bool {
    Instructions::here() >= Instructions::Avx2
}

/// Whether the AVX-512 paths may run.
pub(crate) fn has_avx512() -> bool {
    Instructions::here() >= Instructions::Avx512
}

/// Declares a function that is compiled twice, once for AVX2 and FMA, and picks by the machine.
/// The body is the scalar reference; the compiler vectorises it.
macro_rules! wide {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                fn wide($($arg: $type),*) $(-> $ret)? {
                    body($($arg),*)
                }
                if crate::simd::has_avx2() {
                    // SAFETY: the machine has the features the function is compiled for.
                    return unsafe { wide($($arg),*) };
                }
            }
            #[allow(unreachable_code, reason = "reached on machines without AVX2")]
            body($($arg),*)
        }
    };
}
pub(crate) use wide;

/// [`wide`], and once more for AVX-512, with the same bits: for loops with much to compute for each number, as exponentials. Those that
/// mostly read and write are slower by it.
macro_rules! widest {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                fn widest($($arg: $type),*) $(-> $ret)? $body
                if crate::simd::has_avx512() {
                    // SAFETY: the machine has the features the function is compiled for.
                    return unsafe { widest($($arg),*) };
                }
            }
            crate::simd::wide! { fn narrower($($arg: $type),*) $(-> $ret)? $body }
            narrower($($arg),*)
        }
    };
}
pub(crate) use widest;
