#!/usr/bin/env bash
# Build llama-cpp-python for the GPU of this machine, hold the engine to its laws there, and measure it.
#
#     tests/benchmarks/gpu_check.sh [FOLDER]        FOLDER keeps the environment and the results (default: gpu-check)
#
# Needs the CUDA toolkit (nvcc) and a C++ compiler. For other GPUs set GPU_CMAKE_ARGS, such as "-DGGML_VULKAN=on" or "-DGGML_HIP=on".
# GPU_SIZES and GPU_JOB shorten the measuring: GPU_SIZES=toy GPU_JOB="--rounds 1 --answer 8" shows that everything runs.
set -euo pipefail
mkdir -p "${1:-gpu-check}"
folder=$(cd "${1:-gpu-check}" && pwd)
cd "$(dirname "$0")/../.."
[ -x "$folder/venv/bin/python" ] || python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"

"$python" -m pip install --quiet --upgrade pip
# Without the cache: pip would take a wheel that was built here without a GPU.
CMAKE_ARGS="${GPU_CMAKE_ARGS:--DGGML_CUDA=on}" "$python" -m pip install --quiet --no-cache-dir --no-binary llama-cpp-python \
    "llama-cpp-python>=0.3.36"
"$python" -m pip install --quiet -e . numpy gguf jinja2 hypothesis pytest pytest-asyncio pytest-randomly pytest-timeout xllamacpp
"$python" -c "import llama_cpp; assert llama_cpp.llama_supports_gpu_offload(), 'this build knows no GPU'"

nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv 2>/dev/null | tee "$folder/gpu.txt" || true
laws=kept
MALLKU_TEST_GPU_LAYERS=-1 "$python" -m pytest tests/engine/test_laws.py -q | tee "$folder/laws.txt" || laws=broken
read -ra job <<<"${GPU_JOB:-}"
"$python" tests/benchmarks/engine.py --gpu-layers -1 --peers mallku,llama-first,llama-last --sizes "${GPU_SIZES:-bundled,0.1b,0.5b}" "${job[@]}" |
    tee "$folder/benchmark.txt"
"$python" tests/benchmarks/engine.py --gpu-layers -1 --scaling --sizes "${GPU_SIZES:-0.5b}" "${job[@]}" | tee "$folder/scaling.txt"
echo "laws: $laws; results: $folder"
[ "$laws" = kept ]
