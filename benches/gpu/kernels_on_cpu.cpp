// Runs the CUDA kernels on a processor, one block at a time with one thread for each of its threads, and compares them
// with straightforward formulas in f64. It proves the index arithmetic and the places of the barriers, not the speed nor
// what a GPU's own arithmetic does. No GPU, no CUDA:
//
//     g++ -std=c++20 -O1 -pthread -o /tmp/kernels_on_cpu benches/gpu/kernels_on_cpu.cpp && /tmp/kernels_on_cpu

#include <barrier>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

// What the kernels expect of their surroundings. Shared memory is static: there is one block at a time.
struct Index { unsigned x = 1, y = 1; };
static thread_local Index threadIdx;
static Index blockIdx, blockDim, gridDim;
static std::unique_ptr<std::barrier<>> block;
static void __syncthreads() { block->arrive_and_wait(); }
static unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, 4); return bits; }
static float __uint_as_float(unsigned bits) { float x; std::memcpy(&x, &bits, 4); return x; }
#define __device__ static
#define __global__
#define __shared__ static
#define ON_PROCESSOR
struct f16;
static inline float widen(f16 x);
static inline void narrow(float x, f16* out);
#include "../../src/diffusion/ops/cuda/kernels.cu"
static inline float widen(f16 x) { _Float16 half; std::memcpy(&half, &x.bits, 2); return (float)half; }
static inline void narrow(float x, f16* out) { _Float16 half = (_Float16)x; std::memcpy(&out->bits, &half, 2); }

static void launch(Index grid, unsigned threads, const std::function<void()>& kernel) {
    gridDim = grid;
    blockDim = {threads, 1};
    for (unsigned y = 0; y < grid.y; y++) {
        for (unsigned x = 0; x < grid.x; x++) {
            blockIdx = {x, y};
            block = std::make_unique<std::barrier<>>(threads);
            std::vector<std::thread> pool;
            for (unsigned t = 0; t < threads; t++) pool.emplace_back([&, t] { threadIdx = {t, 0}; kernel(); });
            for (auto& thread : pool) thread.join();
        }
    }
}

static std::mt19937 generator(7);

template <class T> struct Values {
    std::vector<T> stored;
    std::vector<double> exact;  // what is stored, widened
    Values(size_t count, double mean, double deviation) : stored(count), exact(count) {
        std::normal_distribution<double> normal(mean, deviation);
        for (size_t i = 0; i < count; i++) {
            narrow((float)normal(generator), &stored[i]);
            exact[i] = widen(stored[i]);
        }
    }
};

static int checked = 0, failed = 0;

// Compares against the root mean square of what is expected; `steps` is the type's relative step between numbers.
template <class T>
static void compare(const std::string& what, const std::vector<T>& found, const std::vector<double>& expected, double step) {
    double square = 0, worst = 0;
    for (double e : expected) square += e * e;
    double scale = std::sqrt(square / (double)expected.size());
    for (size_t i = 0; i < expected.size(); i++) {
        double bound = scale > std::fabs(expected[i]) ? scale : std::fabs(expected[i]);
        double error = std::fabs(widen(found[i]) - expected[i]) / bound;
        if (!(error <= worst)) worst = error;
    }
    checked++;
    if (!(worst <= step)) {
        failed++;
        std::printf("%s: error %g, allowed %g\n", what.c_str(), worst, step);
    }
}

static double exact_silu(double x) { return x / (1 + std::exp(-x)); }
static double exact_gelu(double x) { return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5))); }

template <class T> static void all(const std::string& type, double step) {
    struct Norm { unsigned pictures, channels, groups, pixels, chunk, pieces, threads, with_silu; };
    for (Norm n : {Norm{2, 6, 3, 35, 16, 1, 32, 0}, Norm{1, 4, 4, 7, 64, 1, 8, 1}, Norm{2, 8, 2, 100, 130, 3, 16, 1},
                   Norm{3, 5, 1, 1, 5, 1, 1, 0}, Norm{1, 2, 1, 300, 37, 2, 256, 1}}) {
        unsigned size = n.channels / n.groups * n.pixels, count = (size + n.chunk - 1) / n.chunk;
        // A large mean tells a careless variance.
        Values<T> x((size_t)n.pictures * n.channels * n.pixels, 5, 1), weight(n.channels, 1, 0.5), bias(n.channels, 0, 1);
        std::vector<float> chunks((size_t)n.pictures * n.groups * count * 2);
        std::vector<T> out(x.stored.size());
        launch({n.pictures * n.groups, count}, n.threads, [&] { moments(x.stored.data(), chunks.data(), size, n.chunk); });
        launch({n.pictures * n.channels, n.pieces}, n.threads, [&] {
            group_norm(x.stored.data(), chunks.data(), weight.stored.data(), bias.stored.data(), out.data(), n.channels,
                       n.groups, n.pixels, n.chunk, count, 1e-5f, n.with_silu);
        });
        std::vector<double> expected(out.size());
        for (size_t group = 0; group < (size_t)n.pictures * n.groups; group++) {
            double mean = 0, square = 0;
            for (unsigned i = 0; i < size; i++) mean += x.exact[group * size + i] / size;
            for (unsigned i = 0; i < size; i++) square += std::pow(x.exact[group * size + i] - mean, 2) / size;
            for (unsigned i = 0; i < size; i++) {
                size_t at = group * size + i, channel = at / n.pixels % n.channels;
                double y = (x.exact[at] - mean) / std::sqrt(square + 1e-5) * weight.exact[channel] + bias.exact[channel];
                expected[at] = n.with_silu ? exact_silu(y) : y;
            }
        }
        compare("group_norm " + type, out, expected, 4 * step + 4e-6);
    }
    for (unsigned pieces : {1u, 3u}) {
        unsigned rows = 5, size = 37;
        Values<T> x((size_t)rows * 2 * size, 0, 2);
        std::vector<T> out((size_t)rows * size);
        launch({rows, pieces}, 8, [&] { geglu(x.stored.data(), out.data(), size); });
        std::vector<double> expected(out.size());
        for (unsigned r = 0; r < rows; r++)
            for (unsigned i = 0; i < size; i++)
                expected[r * size + i] = x.exact[2 * r * size + i] * exact_gelu(x.exact[2 * r * size + size + i]);
        compare("geglu " + type, out, expected, step + 2e-6);
    }
    for (unsigned present = 0; present < 8; present++) {
        unsigned pictures = 2, channels = 3, pixels = 41;
        Values<T> y((size_t)pictures * channels * pixels, 0, 1), bias(channels, 0, 1), own((size_t)pictures * channels, 0, 1),
            rest(y.stored.size(), 0, 1);
        std::vector<T> out = y.stored;
        launch({pictures * channels, 2}, 16, [&] {
            add_channels(out.data(), present & 1 ? bias.stored.data() : nullptr, present & 2 ? own.stored.data() : nullptr,
                         present & 4 ? rest.stored.data() : nullptr, channels, pixels);
        });
        std::vector<double> expected = y.exact;
        for (size_t i = 0; i < out.size(); i++) {
            if (present & 1) expected[i] += bias.exact[i / pixels % channels];
            if (present & 2) expected[i] += own.exact[i / pixels];
            if (present & 4) expected[i] += rest.exact[i];
        }
        compare("add_channels " + type, out, expected, step + 1e-6);
    }
    for (unsigned present = 0; present < 4; present++) {
        unsigned rows = 4, size = 50;
        Values<T> y((size_t)rows * size, 0, 1), bias(size, 0, 1), rest(y.stored.size(), 0, 1);
        std::vector<T> out = y.stored;
        launch({rows, 2}, 16, [&] {
            add_rows(out.data(), present & 1 ? bias.stored.data() : nullptr, present & 2 ? rest.stored.data() : nullptr, size);
        });
        std::vector<double> expected = y.exact;
        for (size_t i = 0; i < out.size(); i++) {
            if (present & 1) expected[i] += bias.exact[i % size];
            if (present & 2) expected[i] += rest.exact[i];
        }
        compare("add_rows " + type, out, expected, step + 1e-6);
    }
    struct Soft { unsigned heads, queries, size, first, threads; bool causal; };
    for (Soft s : {Soft{2, 3, 77, 0, 64, false}, Soft{3, 7, 7, 0, 8, true}, Soft{2, 3, 9, 6, 16, true}, Soft{1, 2, 1, 0, 1, false},
                   Soft{1, 4, 500, 0, 256, false}}) {
        unsigned rows = s.heads * s.queries;
        Values<float> scores((size_t)rows * s.size, 0, 20);
        std::vector<T> out(scores.stored.size());
        launch({rows, 1}, s.threads,
               [&] { softmax(scores.stored.data(), out.data(), s.size, s.causal ? s.queries : 0, s.first); });
        std::vector<double> expected(out.size(), 0.0);
        for (unsigned r = 0; r < rows; r++) {
            unsigned seen = s.causal ? std::min(s.size, s.first + r % s.queries + 1) : s.size;
            double sum = 0, largest = -1e30;
            for (unsigned i = 0; i < seen; i++) largest = std::max(largest, scores.exact[(size_t)r * s.size + i]);
            for (unsigned i = 0; i < seen; i++) sum += std::exp(scores.exact[(size_t)r * s.size + i] - largest);
            for (unsigned i = 0; i < seen; i++)
                expected[(size_t)r * s.size + i] = std::exp(scores.exact[(size_t)r * s.size + i] - largest) / sum;
        }
        compare("softmax " + type, out, expected, 2 * step + 2e-6);
    }
}

int main() {
    all<float>("f32", 1.2e-7);
    all<f16>("f16", 4.9e-4);
    all<bf16>("bf16", 3.9e-3);
    std::printf("%d comparisons, %d failed\n", checked, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
