use std::fs;

use half::{bf16, f16};

use super::*;

fn folder_with(name: &str, content: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    folder
}

fn open(folder: &Path) -> Result<Weights> {
    Weights::open(folder, "model", DType::F32, &Device::Cpu)
}

fn open_error(folder: &Path) -> String {
    open(folder).err().unwrap().to_string()
}

fn save(path: &Path, tensors: &[(&str, Tensor)]) {
    let tensors: HashMap<_, _> = tensors.iter().cloned().collect();
    candle_core::safetensors::save(&tensors, path).unwrap();
}

fn counting(shape: impl Into<Shape>, dtype: DType) -> Tensor {
    let shape = shape.into();
    Tensor::arange(0f32, shape.elem_count() as f32, &Device::Cpu)
        .and_then(|x| (x / 8.0)?.reshape(shape)?.to_dtype(dtype))
        .unwrap()
}

/// A file with one tensor, whose values begin `shift` bytes past a multiple of eight.
fn shifted(path: &Path, dtype: &str, shape: &[usize], values: &[u8], shift: usize) {
    let mut header = format!(
        r#"{{"a":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[0,{}]}}}}"#,
        values.len()
    );
    while header.len() % 8 != shift {
        header.push(' ');
    }
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_missing_and_a_misshapen_tensor_are_named_with_file_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = counting((2, 3), DType::F32);
    save(&folder.path().join("model.safetensors"), &[("a.weight", tensor)]);
    let weights = open(folder.path()).unwrap();
    assert_eq!(weights.pp("a").get((2, 3), "weight").unwrap().dims(), [2, 3]);

    let missing = weights.pp("a").get(4, "bias").unwrap_err().to_string();
    assert!(missing.contains("model.safetensors") && missing.contains("a.bias") && missing.contains("[4]"));
    let shape = weights.parameter((3, 2), "a.weight").unwrap_err().to_string();
    assert!(shape.contains("a.weight") && shape.contains("[2, 3]") && shape.contains("[3, 2]"));
}

#[test]
fn a_parameter_stays_in_the_file_and_is_widened_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let names = [
        ("single", DType::F32),
        ("half", DType::F16),
        ("brain", DType::BF16),
        ("double", DType::F64),
    ];
    save(&path, &names.map(|(name, dtype)| (name, counting((3, 4), dtype))));
    let weights = open(folder.path()).unwrap();
    let expected = counting((3, 4), DType::F32);
    for (name, dtype) in names {
        let parameter = weights.parameter((3, 4), name).unwrap();
        assert_eq!(parameter.dims(), [3, 4]);
        let stored = if dtype == DType::F64 { DType::F32 } else { dtype };
        assert_eq!(parameter.values().unwrap().dtype(), stored, "{name}");
        for tensor in [parameter.tensor().unwrap(), weights.get((3, 4), name).unwrap()] {
            assert_eq!(
                tensor.to_vec2::<f32>().unwrap(),
                expected.to_vec2::<f32>().unwrap(),
                "{name}"
            );
        }
        let rows = parameter.rows(&[2, 0, 2]).unwrap().to_vec2::<f32>().unwrap();
        let all = expected.to_vec2::<f32>().unwrap();
        assert_eq!(rows, [all[2].clone(), all[0].clone(), all[2].clone()]);
        assert!(parameter.rows(&[3]).is_err());
    }
}

#[test]
fn values_that_are_not_aligned_are_read_all_the_same() {
    for shift in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        shifted(&path, "F32", &[2], bytemuck::cast_slice(&[1.5f32, -2.0]), shift);
        let read = |path: &Path| {
            open(path)
                .unwrap()
                .parameter(2, "a")
                .unwrap()
                .values()
                .unwrap()
                .to_f32()
        };
        assert_eq!(read(folder.path()), [1.5, -2.0], "{shift}");
        let values = [1.5, -2.0].map(f16::from_f32);
        shifted(&path, "F16", &[2], bytemuck::cast_slice(&values), shift);
        assert_eq!(read(folder.path()), [1.5, -2.0], "{shift}");
        let values = [1.5, -2.0].map(bf16::from_f32);
        shifted(&path, "BF16", &[2], bytemuck::cast_slice(&values), shift);
        assert_eq!(read(folder.path()), [1.5, -2.0], "{shift}");
    }
}

#[test]
fn other_precisions_get_tensors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    save(
        &folder.path().join("model.safetensors"),
        &[("a", counting((2, 2), DType::F16))],
    );
    let weights = Weights::open(folder.path(), "model", DType::BF16, &Device::Cpu).unwrap();
    let parameter = weights.parameter((2, 2), "a").unwrap();
    assert!(parameter.values().is_none());
    assert_eq!(parameter.tensor().unwrap().dtype(), DType::BF16);
    assert_eq!(parameter.rows(&[1]).unwrap().dtype(), DType::BF16);
}

#[test]
fn a_damaged_file_is_named_with_the_tensor_it_lost() {
    let folder = folder_with("model.safetensors", &[40, 0, 0, 0, 0, 0, 0, 0, b'{']);
    assert!(open_error(folder.path()).contains("model.safetensors"));

    let path = folder.path().join("model.safetensors");
    save(
        &path,
        &[
            ("a", counting((2, 3), DType::F32)),
            ("b", counting((4, 5), DType::F32)),
        ],
    );
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = open_error(folder.path());
    assert!(
        error.contains("`b`") && error.contains("[4, 5]") && error.contains(&bytes.len().to_string()),
        "{error}"
    );
    fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
    assert!(open_error(folder.path()).contains("get the file again"));
    fs::write(&path, []).unwrap();
    assert!(open_error(folder.path()).contains("empty"));
}

#[test]
fn a_pickle_is_refused_with_advice_whatever_its_name() {
    let folder = folder_with("pytorch_model.bin", b"\x80\x02");
    assert!(open_error(folder.path()).contains("convert it to safetensors"));
    for content in [
        &b"PK\x03\x04archive/data.pkl"[..],
        b"\x80\x02}q\x00X\x05\x00\x00\x00model",
    ] {
        let folder = folder_with("model.safetensors", content);
        assert!(open_error(folder.path()).contains("pickle"));
    }
}

/// Two shards, `a` in the first and `b` in the second, with an index that also names `lost`.
fn sharded(index: &str, infix: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shard = |i: usize| format!("model{infix}-0000{i}-of-00002.safetensors");
    for (i, name) in [(1, "a"), (2, "b")] {
        save(
            &folder.path().join(shard(i)),
            &[(name, counting((2, i), DType::F16))],
        );
    }
    let map = format!(
        r#"{{"metadata":{{}},"weight_map":{{"a":"{}","b":"{}","lost":"{}"}}}}"#,
        shard(1),
        shard(2),
        shard(2)
    );
    fs::write(folder.path().join(index), map).unwrap();
    folder
}

#[test]
fn shards_are_found_under_either_name_of_their_index() {
    for (index, infix) in [
        ("model.safetensors.index.json", ""),
        ("model.safetensors.index.fp16.json", ".fp16"),
        ("model.fp16.safetensors.index.json", ".fp16"),
    ] {
        let folder = sharded(index, infix);
        let weights = open(folder.path()).unwrap();
        assert_eq!(weights.get((2, 1), "a").unwrap().dims(), [2, 1]);
        assert_eq!(weights.get((2, 2), "b").unwrap().dims(), [2, 2]);
        // What the index promises is missed in the shard, anything else in the index.
        let error = weights.get(1, "lost").unwrap_err().to_string();
        assert!(error.contains("-00002-of"), "{error}");
        let error = weights.get(1, "never").unwrap_err().to_string();
        assert!(error.contains(index), "{error}");
        let error = weights.get(1, "b").unwrap_err().to_string();
        assert!(error.contains("-00002-of") && error.contains("[2, 2]"), "{error}");
    }
}

#[test]
fn a_shard_outside_the_folder_or_absent_is_refused() {
    let folder = folder_with(
        "model.safetensors.index.json",
        br#"{"weight_map":{"a":"../other.safetensors"}}"#,
    );
    assert!(
        find(folder.path(), "model")
            .unwrap_err()
            .to_string()
            .contains("outside the folder")
    );
    let folder = sharded("model.safetensors.index.json", "");
    fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    assert!(open_error(folder.path()).contains("-00002-of"));
}
