//! Every kernel against candle's own operations on the processor, on the first CUDA device there is. Where there is none,
//! only what needs none is tested: that the kernels compile.

use candle_core::cuda_backend::cudarc;
use candle_core::{DType, Device, Tensor};

use super::compile::compile;
use crate::ops::Activation;
use crate::ops::attention::plain;
use crate::ops::testing::{noise, relative_error};

/// Number formats and the error that each is allowed, relative to the expected values' root mean square: a few roundings
/// of the largest value there may be.
const FORMATS: [(DType, f32); 3] = [(DType::F32, 2e-5), (DType::F16, 1e-2), (DType::BF16, 8e-2)];

/// Whether there is a device to test on. If there is, failing to open it fails the tests.
pub(crate) fn has_device() -> bool {
    let found = cudarc::driver::CudaContext::device_count();
    if !matches!(found, Ok(1..)) {
        eprintln!("not tested, for want of a CUDA device: {found:?}");
    }
    matches!(found, Ok(1..))
}

fn device() -> Option<Device> {
    has_device().then(|| super::open(0).unwrap())
}

/// Calls `compute` with its inputs on the device in each format, and compares with `expected` of the same, rounded inputs
/// on the processor in f32.
fn compare(
    what: &str,
    inputs: &[Tensor],
    compute: impl Fn(&[Tensor]) -> candle_core::Result<Tensor>,
    expected: impl Fn(&[Tensor]) -> candle_core::Result<Tensor>,
) {
    let Some(device) = device() else { return };
    for (dtype, bound) in FORMATS {
        let rounded: Vec<_> = inputs.iter().map(|x| x.to_dtype(dtype).unwrap()).collect();
        let there: Vec<_> = rounded.iter().map(|x| x.to_device(&device).unwrap()).collect();
        let found = compute(&there).unwrap_or_else(|error| panic!("{what} in {dtype:?}: {error}"));
        assert_eq!(found.dtype(), dtype);
        let found = found
            .to_device(&Device::Cpu)
            .unwrap()
            .to_dtype(DType::F32)
            .unwrap();
        let wide: Vec<_> = rounded.iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
        let error = relative_error(&found, &expected(&wide).unwrap());
        assert!(error < bound, "{what} in {dtype:?}: error {error}");
    }
}

#[test]
fn the_kernels_compile_for_every_supported_generation() {
    // Where the library is absent or a stub, the driver's version cannot tell; NVRTC itself is what is needed.
    if cudarc::nvrtc::compile_ptx("extern \"C\" __global__ void nothing() {}").is_err() {
        eprintln!("not tested, for want of NVRTC");
        return;
    }
    for (major, minor) in [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0)] {
        let ptx = compile(major, minor).unwrap().to_src();
        for kernel in [
            "moments",
            "group_norm",
            "geglu",
            "add_channels",
            "add_rows",
            "softmax",
        ] {
            for format in ["f32", "f16", "bf16"] {
                assert!(
                    ptx.contains(&format!(".entry {kernel}_{format}(")),
                    "{kernel}_{format}"
                );
            }
        }
    }
}

#[test]
fn group_norm_agrees_with_candle() {
    for (groups, pictures, channels, height, width) in [
        (1, 1, 1, 1, 1),
        (4, 2, 8, 5, 7),
        (32, 3, 64, 16, 16),
        // Several chunks a group, the last one short.
        (2, 2, 4, 130, 129),
    ] {
        let inputs = [
            (noise(1, (pictures, channels, height, width)) + 3.0).unwrap(),
            noise(2, channels),
            noise(3, channels),
        ];
        for silu in [false, true] {
            compare(
                &format!("group norm of {channels} channels"),
                &inputs,
                |x| super::group_norm(&x[0], &x[1], &x[2], groups, 1e-5, silu),
                |x| {
                    let stock =
                        candle_nn::GroupNorm::new(x[1].clone(), x[2].clone(), channels, groups, 1e-5)?;
                    let y = candle_nn::Module::forward(&stock, &x[0])?;
                    if silu { candle_nn::ops::silu(&y) } else { Ok(y) }
                },
            );
        }
    }
}

#[test]
fn geglu_agrees_with_candle() {
    for shape in [(1, 1, 2), (2, 5, 34), (3, 70, 2560)] {
        compare(
            &format!("GEGLU of {shape:?}"),
            &[(noise(1, shape) * 2.0).unwrap()],
            |x| super::geglu(&x[0]),
            |x| {
                let parts = x[0].chunk(2, 2)?;
                &parts[0] * Activation::Gelu.forward(&parts[1].contiguous()?)?
            },
        );
    }
}

#[test]
fn convolutions_and_what_is_added_to_them_agree_with_candle() {
    for (input, output, kernel, stride, padding, height, width) in [
        (3, 5, 3, 1, 1, 7, 9),
        (8, 16, 1, 1, 0, 6, 5),
        (4, 4, 3, 2, 1, 9, 8),
        (4, 4, 3, 2, 0, 9, 8),
        (32, 64, 3, 1, 1, 32, 32),
    ] {
        let (tall, wide) = (
            (height + 2 * padding - kernel) / stride + 1,
            (width + 2 * padding - kernel) / stride + 1,
        );
        let scale = ((input * kernel * kernel) as f64).powf(-0.5);
        let inputs = [
            noise(1, (2, input, height, width)),
            (noise(2, (output, input, kernel, kernel)) * scale).unwrap(),
            noise(3, output),
            noise(4, (2, output)),
            noise(5, (2, output, tall, wide)),
        ];
        let [with_bias, with_own, with_rest] = [1, 2, 4];
        for given in 0..8 {
            let given = |bit: usize| given & bit != 0;
            compare(
                &format!("convolution {input}→{output}, kernel {kernel}, stride {stride}"),
                &inputs,
                |x| {
                    super::conv2d(
                        &x[0],
                        &x[1],
                        stride,
                        padding,
                        given(with_bias).then_some(&x[2]),
                        given(with_own).then_some(&x[3]),
                        given(with_rest).then_some(&x[4]),
                    )
                },
                |x| {
                    let mut y = x[0].conv2d(&x[1], padding, stride, 1, 1)?;
                    if given(with_bias) {
                        y = y.broadcast_add(&x[2].reshape((1, output, 1, 1))?)?;
                    }
                    if given(with_own) {
                        y = y.broadcast_add(&x[3].reshape((2, output, 1, 1))?)?;
                    }
                    if given(with_rest) {
                        y = (y + &x[4])?;
                    }
                    Ok(y)
                },
            );
        }
    }
}

#[test]
fn linear_layers_and_what_is_added_to_them_agree_with_candle() {
    for (pictures, rows, input, output) in [(1, 1, 8, 16), (2, 77, 40, 129), (4, 256, 64, 512)] {
        let inputs = [
            noise(1, (pictures, rows, input)),
            (noise(2, (output, input)) * (input as f64).powf(-0.5)).unwrap(),
            noise(3, output),
            noise(4, (pictures, rows, output)),
        ];
        for (bias, rest) in [(false, false), (true, false), (false, true), (true, true)] {
            compare(
                &format!("layer {input}→{output}"),
                &inputs,
                |x| super::linear(&x[0], &x[1], bias.then_some(&x[2]), rest.then_some(&x[3])),
                |x| {
                    let stock = candle_nn::Linear::new(x[1].clone(), bias.then(|| x[2].clone()));
                    let y = candle_nn::Module::forward(&stock, &x[0])?;
                    if rest { y + &x[3] } else { Ok(y) }
                },
            );
        }
    }
}

#[test]
fn attention_agrees_with_candle() {
    for (pictures, n, m, heads, head) in [
        (1, 1, 1, 1, 8),
        // More pictures than heads, and the other way round.
        (5, 40, 77, 2, 40),
        (2, 77, 77, 8, 16),
        (1, 300, 300, 3, 80),
        // A head too large for the fused kernels, and one they do not take for its size.
        (1, 64, 64, 1, 512),
        (2, 33, 65, 2, 20),
    ] {
        let inputs = [
            noise(1, (pictures, n, heads * head)),
            noise(2, (pictures, m, heads * head)),
            noise(3, (pictures, m, heads * head)),
        ];
        let scale = (head as f64).powf(-0.5);
        for causal in [false, n == m] {
            compare(
                &format!("attention of {n} over {m}, {heads} heads of {head}, causal: {causal}"),
                &inputs,
                |x| super::attention(&x[0], &x[1], &x[2], heads, scale, causal),
                |x| plain(&x[0], &x[1], &x[2], heads, scale, causal),
            );
        }
    }
}

#[test]
fn group_norm_of_one_picture_is_the_same_among_others() {
    let Some(device) = device() else { return };
    let layer = |x: &Tensor| {
        let (weight, bias) = (noise(2, 8), noise(3, 8));
        let (weight, bias) = (
            weight.to_device(&device).unwrap(),
            bias.to_device(&device).unwrap(),
        );
        let y = super::group_norm(&x.to_device(&device).unwrap(), &weight, &bias, 4, 1e-5, true).unwrap();
        y.to_device(&Device::Cpu).unwrap()
    };
    let x = noise(1, (3, 8, 90, 91));
    let together = layer(&x);
    for picture in 0..3 {
        let alone = layer(&x.narrow(0, picture, 1).unwrap());
        let among = together.narrow(0, picture, 1).unwrap();
        assert_eq!(
            crate::ops::testing::bits(&alone),
            crate::ops::testing::bits(&among)
        );
    }
}

#[test]
fn exhausted_memory_is_told_apart() {
    let Some(device) = device() else { return };
    // A thousand terabytes.
    let error = Tensor::zeros(1 << 48, DType::F32, &device).unwrap_err();
    assert!(matches!(
        crate::DiffusionError::from(error),
        crate::DiffusionError::OutOfMemory { .. }
    ));
    // The device goes on.
    assert!(Tensor::zeros(16, DType::F32, &device).is_ok());
}
