//! Common hardware by its makers' figures: memory, its bandwidth, and operations in a second.
//!
//! Processors: bandwidth of all memory channels at their rated speed; operations are cores x clock x what the vector units do in a cycle
//! (AVX2: 2 x 32 multiply-adds of bytes, 2 x 8 of floats; AVX-512 with VNNI and Arm's dot products: twice as much of bytes). Accelerators: dense 16-bit matrix operations from
//! the data sheets, since weights are widened to 16 bits there.
//!
//! Where the figures are from. Intel and AMD: channels, memory speed and all-core clocks of the product pages, "server, 8 vCPUs" the share of a
//! 64-core EPYC 7713 that clouds rent. Raspberry Pi 5: its product brief (LPDDR4X-4267, 32 bits; four Cortex-A76 at 2.4 GHz). Kunpeng 920: Huawei's
//! TaiShan 200 white paper (8 x DDR4-2933). Graviton4: AWS's announcement (12 x DDR5-5600, Neoverse V2). Apple: technical specifications of
//! the machines; three quarters of the memory is what Metal lets a program have. GeForce: the white papers of GA102, AD102 and GB202 (FP16
//! with FP16 accumulation, dense). T4, L4, A10, L40S, A100, H100 SXM, H200: NVIDIA's data sheets, without sparsity. MI300X: AMD's data sheet. Ascend
//! 910B: no data sheet is public; figures of its users are between 280 and 400, the middle is here.

use std::borrow::Cow;

use serde::Serialize;

/// What kind of machine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A processor.
    Cpu,
    /// An accelerator with memory of its own, or sharing it.
    Gpu,
}

/// A machine's limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hardware {
    /// What people call it.
    pub name: Cow<'static, str>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of memory.
    pub memory: f64,
    /// Bytes read in a second.
    pub bandwidth: f64,
    /// Operations with weights in a second; a multiplication and an addition are two.
    pub integers: f64,
    /// Operations on floats in a second.
    pub floats: f64,
}

const fn of(name: &'static str, kind: Kind, gigabytes: f64, bandwidth: f64, integers: f64, floats: f64) -> Hardware {
    let (memory, bandwidth) = (gigabytes * 1e9, bandwidth * 1e9);
    Hardware { name: Cow::Borrowed(name), kind, memory, bandwidth, integers: integers * 1e12, floats: floats * 1e12 }
}

/// Gigabytes, GB/s, and 10^12 operations in a second on weights and on floats.
pub static HARDWARE: [Hardware; 30] = [
    of("Raspberry Pi 5", Kind::Cpu, 8.0, 17.0, 0.15, 0.075),
    of("laptop, 4 cores, DDR4-2666", Kind::Cpu, 16.0, 42.0, 1.5, 0.4),
    of("laptop, 8 cores, LPDDR5-6400", Kind::Cpu, 32.0, 102.0, 3.5, 0.9),
    of("desktop, 8 cores, DDR4-3200", Kind::Cpu, 32.0, 51.0, 4.0, 1.0),
    of("desktop, 16 cores, DDR5-5600", Kind::Cpu, 64.0, 90.0, 9.0, 2.2),
    of("server, 8 vCPUs of EPYC Milan", Kind::Cpu, 32.0, 60.0, 1.7, 0.45),
    of("server, EPYC 7763, 64 cores", Kind::Cpu, 256.0, 205.0, 20.0, 5.0),
    of("server, EPYC 9654, 96 cores", Kind::Cpu, 384.0, 461.0, 60.0, 7.4),
    of("server, Xeon 8480+, 56 cores", Kind::Cpu, 256.0, 307.0, 28.0, 7.2),
    of("server, Kunpeng 920, 64 cores", Kind::Cpu, 256.0, 187.0, 10.0, 2.7),
    of("server, Graviton4, 96 cores", Kind::Cpu, 384.0, 537.0, 34.0, 8.6),
    of("Apple M2, 24 GB", Kind::Gpu, 18.0, 100.0, 3.6, 3.6),
    of("Apple M3 Max, 64 GB", Kind::Gpu, 48.0, 400.0, 14.0, 14.0),
    of("Apple M4 Max, 128 GB", Kind::Gpu, 96.0, 546.0, 18.0, 18.0),
    of("Apple M2 Ultra, 192 GB", Kind::Gpu, 144.0, 800.0, 27.0, 27.0),
    of("RTX 3060, 12 GB", Kind::Gpu, 12.0, 360.0, 51.0, 13.0),
    of("RTX 3090", Kind::Gpu, 24.0, 936.0, 142.0, 36.0),
    of("RTX 4070", Kind::Gpu, 12.0, 504.0, 117.0, 29.0),
    of("RTX 4090", Kind::Gpu, 24.0, 1008.0, 330.0, 83.0),
    of("RTX 5090", Kind::Gpu, 32.0, 1792.0, 419.0, 105.0),
    of("T4", Kind::Gpu, 16.0, 320.0, 65.0, 8.1),
    of("L4", Kind::Gpu, 24.0, 300.0, 121.0, 30.0),
    of("A10", Kind::Gpu, 24.0, 600.0, 125.0, 31.0),
    of("L40S", Kind::Gpu, 48.0, 864.0, 362.0, 91.0),
    of("A100, 40 GB", Kind::Gpu, 40.0, 1555.0, 312.0, 19.5),
    of("A100, 80 GB", Kind::Gpu, 80.0, 2039.0, 312.0, 19.5),
    of("H100, 80 GB", Kind::Gpu, 80.0, 3350.0, 989.0, 67.0),
    of("H200, 141 GB", Kind::Gpu, 141.0, 4800.0, 989.0, 67.0),
    of("MI300X", Kind::Gpu, 192.0, 5300.0, 1307.0, 163.0),
    of("Ascend 910B", Kind::Gpu, 64.0, 1600.0, 313.0, 75.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_machine() {
        for hardware in &HARDWARE {
            assert!(
                (4e9..1e12).contains(&hardware.memory) && (1e10..1e13).contains(&hardware.bandwidth),
                "{hardware:?}"
            );
            assert!(hardware.integers >= hardware.floats && hardware.floats > 1e10, "{hardware:?}");
            let same = HARDWARE.iter().filter(|other| other.name == hardware.name).count();
            assert_eq!(same, 1, "{}", hardware.name);
        }
    }
}
