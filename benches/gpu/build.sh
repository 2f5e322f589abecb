#!/usr/bin/env bash
# Builds the GPU benchmark without a GPU, a driver or a CUDA installation, and collects what run.sh needs elsewhere:
#
#     benches/gpu/build.sh [FEATURES]      (default: cudnn; also cuda, or cudnn,flash-attn)
#
# The toolkit comes from PyPI wheels and is kept in target/gpu/toolkit (1.7 GB). The result is target/gpu/bench.xz and
# target/gpu/wheels: bring both along. Takes about ten minutes on two cores; with flash-attn about a quarter of an hour
# more. CUDA_COMPUTE_CAP (default 90: H100, H200) is the GPU's generation; PYTHON_VERSION (such as 3.12) that of the
# other machine's python3, for the wheels.
set -euo pipefail
cd "$(dirname "$0")/../.."
features=${1:-cudnn}
out=$PWD/target/gpu
toolkit=$out/toolkit
home=$toolkit/nvidia/cu13
mkdir -p "$out"

# CUDA 13.0: newer compilers write PTX that drivers of the 580 series refuse.
if [ ! -f "$toolkit/ready" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: --upgrade --target "$toolkit" \
        "cuda-toolkit[nvcc,cudart,cccl,crt,nvvm,cublas,curand,nvrtc,profiler]==13.0.2" nvidia-cudnn-cu13==9.19.0.56
    # Compilers look for one tree with lib64, and linkers for names without version.
    cp -rs "$toolkit"/nvidia/cudnn/include/. "$home/include/"
    cp -rs "$toolkit"/nvidia/cudnn/lib/. "$home/lib/"
    ln -sfn lib "$home/lib64"
    for library in "$home"/lib/*.so.*; do ln -sf "$(basename "$library")" "${library%%.so.*}.so"; done
    # The driver's library is not in any wheel. To link, its names are enough; at run time the machine has its own.
    mkdir -p "$home/lib/stubs"
    python3 - "$home/include" > "$home/lib/stubs/cuda.c" <<'P'
import pathlib, re, sys
text = "".join((pathlib.Path(sys.argv[1]) / name).read_text() for name in ("cuda.h", "cudaProfiler.h"))
names = set(re.findall(r"\b(cu[A-Z]\w*)\s*\(", text)) | set(re.findall(r"^\s*#\s*define\s+(cu[A-Z]\w+)\s", text, re.M))
for target in re.findall(r"^\s*#\s*define\s+cu[A-Z]\w+\s+(.*)$", text, re.M):
    names |= set(re.findall(r"cu[A-Z]\w+", target))
# 34: the library is a stub.
print("\n".join(f"int {name}(void) {{ return 34; }}" for name in sorted(names)))
P
    cc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$home/lib/stubs/libcuda.so" "$home/lib/stubs/cuda.c"
    ln -sf libcuda.so "$home/lib/stubs/libcuda.so.1"
    touch "$toolkit/ready"
fi
export CUDA_HOME=$home NVCC=$home/bin/nvcc PATH=$home/bin:$PATH
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90} CUDARC_CUDA_VERSION=13000 CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-$(nproc)}
export RUSTFLAGS="${RUSTFLAGS:-} -L native=$home/lib -L native=$home/lib/stubs"
export CARGO_TARGET_DIR=$out/build

if [[ $features == *flash-attn* ]]; then
    # The headers that candle-flash-attn pins, laid out where its build looks for a checkout of that commit.
    commit=7d49e6c7e2f8896c47f586706e67e1fb215529dc
    export CUDAFORGE_HOME=$out/cudaforge
    checkout=$CUDAFORGE_HOME/git/checkouts/cutlass-${commit:0:16}
    if [ ! -d "$checkout/include" ]; then
        rm -rf "$checkout" && mkdir -p "$checkout/tools/util"
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$out/cutlass" nvidia-cutlass==3.5.0.0
        cp -r "$out/cutlass/cutlass_library/source/include" "$checkout/"
        cp -r "$out/cutlass/cutlass_library/source/tools/util/include" "$checkout/tools/util/"
        git init --quiet "$checkout" && echo "$commit" > "$checkout/.git/HEAD"
    fi
    # What diffusion never asks for: without it the build takes a quarter of an hour instead of hours.
    export NVCC_APPEND_FLAGS="-DFLASHATTENTION_DISABLE_ALIBI -DFLASHATTENTION_DISABLE_SOFTCAP -DFLASHATTENTION_DISABLE_LOCAL -DFLASHATTENTION_DISABLE_DROPOUT -w"
fi

cargo bench --no-run --locked -p tastemaker-diffusion --bench gpu --features "$features"
binary=$(find "$CARGO_TARGET_DIR/release/deps" -maxdepth 1 -name 'gpu-*' -executable -type f -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
cp "$binary" "$out/bench"
strip "$out/bench"
python3 - "$out/bench" <<'P'
import lzma, shutil, sys
with open(sys.argv[1], "rb") as source, lzma.open(sys.argv[1] + ".xz", "wb") as packed:
    shutil.copyfileobj(source, packed)
P

# Everything diffusers needs beside torch, for a machine without network.
rm -rf "$out/wheels"
python3 -m pip download --quiet --disable-pip-version-check --only-binary=:all: --no-deps --dest "$out/wheels" \
    ${PYTHON_VERSION:+--python-version "$PYTHON_VERSION"} \
    diffusers transformers tokenizers safetensors huggingface-hub hf-xet accelerate regex pyyaml requests urllib3 idna certifi \
    charset-normalizer tqdm filelock fsspec packaging numpy pillow psutil importlib-metadata zipp typing-extensions httpx \
    httpcore h11 anyio typer click rich markdown-it-py mdurl pygments shellingham annotated-doc
du -sh "$out/bench.xz" "$out/wheels"
