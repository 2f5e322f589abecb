#!/usr/bin/env bash
# Runs the GPU benchmark where the GPU is: puts the CUDA libraries of python3's nvidia wheels on the loader's path, unpacks
# the binary that build.sh made, and hands all arguments to compare.py. One family a call fits ten minutes:
#
#     benches/gpu/run.sh --family sd15
#     benches/gpu/run.sh --family sdxl
#
# BENCH names another binary; PYTHON another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
bench=${BENCH:-target/gpu/bench}

if [ ! -x "$bench" ]; then
    [ -f "$bench.xz" ] || { echo "no $bench: build it with benches/gpu/build.sh and bring it along" >&2; exit 1; }
    "$python" -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$bench.xz" "$bench"
    chmod +x "$bench"
fi

# Every `lib` folder of the packages below `nvidia`: cuBLAS, cuRAND, NVRTC and cuDNN, whichever way they are split up.
libraries=$("$python" - <<'P'
import glob, importlib.util, os
spec = importlib.util.find_spec("nvidia")
roots = list(spec.submodule_search_locations) if spec else []
print(":".join(path for root in roots for path in sorted(glob.glob(os.path.join(root, "*", "lib")))))
P
)
export LD_LIBRARY_PATH="${libraries:+$libraries:}/usr/local/nvidia/lib64:/usr/local/nvidia/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$python" benches/gpu/compare.py --binary "$bench" "$@"
