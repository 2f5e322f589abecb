// Kernels where candle would launch many small ones. NVRTC compiles this file when a device is opened, so building the
// crate needs no compiler for it, and the file needs no header. Every kernel exists for f32, f16 and bf16 (the macro at
// the end); arithmetic is f32 throughout. Sums run in a fixed order, so that results repeat to the last bit.
//
// Threads of a block: a power of two, at most 256. Tensors are row-major without gaps.

typedef unsigned int u32;
typedef unsigned long long u64;

struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };

__device__ inline float widen(float x) { return x; }
__device__ inline void narrow(float x, float* out) { *out = x; }

#ifndef ON_PROCESSOR  // benches/gpu/kernels_on_cpu.cpp has its own two.
__device__ inline float widen(f16 x) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
    return wide;
}
__device__ inline void narrow(float x, f16* out) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out->bits) : "f"(x));
}
#endif

__device__ inline float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
__device__ inline void narrow(float x, bf16* out) {
    u32 bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        out->bits = (unsigned short)((bits >> 16) | 0x40u);  // not a number stays one
    } else {
        out->bits = (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);  // to the nearest, ties to even
    }
}

__device__ inline float silu(float x) { return x / (1.0f + expf(-x)); }
__device__ inline float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// The sum over the block's threads, in every one of them.
__device__ inline float block_sum(float x) {
    __shared__ float parts[256];
    __syncthreads();  // a call before this one may still be read
    parts[threadIdx.x] = x;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    return parts[0];
}

__device__ inline float block_max(float x) {
    __shared__ float parts[256];
    __syncthreads();
    parts[threadIdx.x] = x;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] = fmaxf(parts[threadIdx.x], parts[threadIdx.x + half]);
        __syncthreads();
    }
    return parts[0];
}

// Mean and sum of squared deviations of one chunk of a group: group x, chunk y. `out` is (groups, chunks, 2). Two passes,
// since the formula of one pass loses digits where the mean is large.
template <class T>
__device__ void moments(const T* x, float* out, u32 size, u32 chunk) {
    const T* values = x + (u64)blockIdx.x * size;
    u32 first = blockIdx.y * chunk;
    u32 last = first + chunk < size ? first + chunk : size;
    float sum = 0.0f;
    for (u32 i = first + threadIdx.x; i < last; i += blockDim.x) sum += widen(values[i]);
    float mean = block_sum(sum) / (float)(last - first);
    float square = 0.0f;
    for (u32 i = first + threadIdx.x; i < last; i += blockDim.x) {
        float away = widen(values[i]) - mean;
        square += away * away;
    }
    square = block_sum(square);
    if (threadIdx.x == 0) {
        u64 at = ((u64)blockIdx.x * gridDim.y + blockIdx.y) * 2;
        out[at] = mean;
        out[at + 1] = square;
    }
}

// Normalises channel x (counted over all pictures), pixels from y on, with the moments of its group.
template <class T>
__device__ void group_norm(const T* x, const float* chunks, const T* weight, const T* bias, T* out, u32 channels, u32 groups,
                           u32 pixels, u32 chunk, u32 chunk_count, float eps, u32 with_silu) {
    __shared__ float both[2];
    u32 channel = blockIdx.x % channels;
    u32 in_group = channels / groups;
    u32 size = in_group * pixels;
    if (threadIdx.x == 0) {
        const float* own = chunks + (u64)(blockIdx.x / in_group) * chunk_count * 2;
        float mean = 0.0f;
        for (u32 i = 0; i < chunk_count; i++) {
            u32 count = i + 1 < chunk_count ? chunk : size - i * chunk;
            mean += own[2 * i] * ((float)count / (float)size);
        }
        float square = 0.0f;
        for (u32 i = 0; i < chunk_count; i++) {
            u32 count = i + 1 < chunk_count ? chunk : size - i * chunk;
            float away = own[2 * i] - mean;
            square += own[2 * i + 1] + away * away * (float)count;
        }
        both[0] = mean;
        both[1] = 1.0f / sqrtf(square / (float)size + eps);
    }
    __syncthreads();
    float mean = both[0];
    float scale = both[1] * widen(weight[channel]);
    float shift = widen(bias[channel]);
    const T* from = x + (u64)blockIdx.x * pixels;
    T* to = out + (u64)blockIdx.x * pixels;
    for (u32 i = blockIdx.y * blockDim.x + threadIdx.x; i < pixels; i += gridDim.y * blockDim.x) {
        float y = (widen(from[i]) - mean) * scale + shift;
        narrow(with_silu ? silu(y) : y, to + i);
    }
}

// Row x of (rows, 2 · size): the first half times GELU of the second.
template <class T>
__device__ void geglu(const T* x, T* out, u32 size) {
    const T* value = x + (u64)blockIdx.x * 2 * size;
    const T* gate = value + size;
    T* to = out + (u64)blockIdx.x * size;
    for (u32 i = blockIdx.y * blockDim.x + threadIdx.x; i < size; i += gridDim.y * blockDim.x) {
        narrow(widen(value[i]) * gelu(widen(gate[i])), to + i);
    }
}

// Adds to (pictures, channels, pixels), in place: a bias a channel, a value a channel of each picture, and a tensor of the
// same shape. Any of them may be absent (null).
template <class T>
__device__ void add_channels(T* y, const T* bias, const T* own, const T* rest, u32 channels, u32 pixels) {
    float shift = (bias ? widen(bias[blockIdx.x % channels]) : 0.0f) + (own ? widen(own[blockIdx.x]) : 0.0f);
    u64 start = (u64)blockIdx.x * pixels;
    for (u32 i = blockIdx.y * blockDim.x + threadIdx.x; i < pixels; i += gridDim.y * blockDim.x) {
        float sum = widen(y[start + i]) + shift;
        if (rest) sum += widen(rest[start + i]);
        narrow(sum, y + start + i);
    }
}

// Adds to (rows, size), in place: a bias a column and a tensor of the same shape, each if present.
template <class T>
__device__ void add_rows(T* y, const T* bias, const T* rest, u32 size) {
    u64 start = (u64)blockIdx.x * size;
    for (u32 i = blockIdx.y * blockDim.x + threadIdx.x; i < size; i += gridDim.y * blockDim.x) {
        float sum = widen(y[start + i]);
        if (bias) sum += widen(bias[i]);
        if (rest) sum += widen(rest[start + i]);
        narrow(sum, y + start + i);
    }
}

// Softmax of row x of (rows, size) scores. If `queries` is not 0, rows count queries of a causal attention, over and over
// from number `first` on, and a query sees positions up to its own only.
template <class T>
__device__ void softmax(const float* scores, T* out, u32 size, u32 queries, u32 first) {
    const float* row = scores + (u64)blockIdx.x * size;
    T* to = out + (u64)blockIdx.x * size;
    u32 seen = size;
    if (queries) {
        u32 position = first + blockIdx.x % queries + 1;
        if (position < size) seen = position;
    }
    float largest = row[0];
    for (u32 i = threadIdx.x; i < seen; i += blockDim.x) largest = fmaxf(largest, row[i]);
    largest = block_max(largest);
    float sum = 0.0f;
    for (u32 i = threadIdx.x; i < seen; i += blockDim.x) sum += expf(row[i] - largest);
    float share = 1.0f / block_sum(sum);
    for (u32 i = threadIdx.x; i < size; i += blockDim.x) {
        narrow(i < seen ? expf(row[i] - largest) * share : 0.0f, to + i);
    }
}

#define KERNELS(T)                                                                                                          \
    extern "C" __global__ void moments_##T(const T* x, float* out, u32 size, u32 chunk) { moments(x, out, size, chunk); }   \
    extern "C" __global__ void group_norm_##T(const T* x, const float* chunks, const T* weight, const T* bias, T* out,      \
                                              u32 channels, u32 groups, u32 pixels, u32 chunk, u32 chunk_count, float eps,  \
                                              u32 with_silu) {                                                              \
        group_norm(x, chunks, weight, bias, out, channels, groups, pixels, chunk, chunk_count, eps, with_silu);             \
    }                                                                                                                       \
    extern "C" __global__ void geglu_##T(const T* x, T* out, u32 size) { geglu(x, out, size); }                             \
    extern "C" __global__ void add_channels_##T(T* y, const T* bias, const T* own, const T* rest, u32 channels,             \
                                                u32 pixels) {                                                               \
        add_channels(y, bias, own, rest, channels, pixels);                                                                 \
    }                                                                                                                       \
    extern "C" __global__ void add_rows_##T(T* y, const T* bias, const T* rest, u32 size) { add_rows(y, bias, rest, size); } \
    extern "C" __global__ void softmax_##T(const float* scores, T* out, u32 size, u32 queries, u32 first) {                 \
        softmax(scores, out, size, queries, first);                                                                         \
    }

typedef float f32;
KERNELS(f32)
KERNELS(f16)
KERNELS(bf16)
