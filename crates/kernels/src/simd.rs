//! Run-time choice of instruction set.

/// Whether the AVX2 paths may run: AVX2, FMA and F16C, as every x86 processor since 2013 has them.
pub(crate) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
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
