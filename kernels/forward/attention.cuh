// Causal attention: softmax(softcap(q k^T * scale) + bias) v for each head, token i of a sequence seeing the last
// `window` of tokens 0 to i of it; query head h reads key and value head h / group. The bound of scores, cap * tanh(score
// / cap), and the bias, of a head's keys, may be absent. A head's sink, if there is one, is the score of one more key,
// which has no value: the highest score begins with it, and the sum with its 1.
//
// One pass over the keys with an online softmax (Dao et al., arXiv 2205.14135), in float32 without tensor cores. A block
// of 128 threads has 64 queries of one head and takes 64 keys at a time: scores, 8 queries by 4 keys a thread, from
// slices of 16 features of both; the softmax of a query is spread over half a warp, which combines it by shuffles; the
// probabilities go to shared memory, where only that half warp reads them, and are multiplied by slices of 16 values,
// 8 queries by 4 features for each 64 features of a head. The next slice is on its way to registers while one is
// multiplied. Of heads with more than 128 features a block has 32 queries, since outputs are held in registers. Tiles of
// keys past the last query or ahead of the first one's window are skipped; of the others only the last needs a mask, and
// the first ones that a window cuts.
//
// 4 operations for each query, key it sees and feature; a tile reads queries, keys and values, 3 floats for 64 * 64 * 4
// operations of a feature: 21 for each byte that comes from L2, bound by arithmetic; half of the bandwidth of shared
// memory is needed at most. A bound takes 40 operations more for each query and key, a bias 4 bytes from L1. Shared
// memory: 27 KiB (17 for more than 128 features) and 4 KiB more for each 64 features; registers limit a multiprocessor
// to two or three blocks.
//
// A block makes 64 SLOTS features of the result; a head with more has a block for each 256 (grid.y), which makes the
// scores again. Blocks with many keys come first, since the last to start decide when all end.
//
// Order: a score is one chain of fused multiply-adds over the features, as on the CPU up to 256 features; all else runs
// in a fixed order. A key or value whose token isn't seen doesn't touch the result, be it NaN.
#pragma once

#include "exponential.cuh"
#include "float_vectors.cuh"
#include "tanh.cuh"

namespace {

constexpr int THREADS = 128;
constexpr int KEYS = 64;
constexpr int SLICE = 16;       // features of queries and keys, or tokens of values
constexpr int ROW = SLICE + 4;  // of a slice, in floats: 8 rows lie in different banks
constexpr int LANES = 16;       // that share their queries
constexpr int GROUPS = THREADS / LANES;
constexpr int KEYS_OF_THREAD = KEYS / LANES;
constexpr int ROWS_AT_ONCE = THREADS / (SLICE / 4);

// Queries of a thread: fewer where a head's outputs need the registers.
template <int SLOTS>
constexpr int MINE = SLOTS <= 2 ? 8 : 4;

template <int SLOTS>
constexpr int QUERIES = GROUPS * MINE<SLOTS>;

struct Problem {
  const float *q, *k, *v;
  const float *bias;   // [heads, length], or null
  const float *sinks;  // [heads], or null
  float *out;
  int length, heads, group, size;
  int window;  // the last keys that a query sees, all if it is the length
  float scale;
  float cap;     // 0: none
  bool aligned;  // all rows of all heads
};

// Where a block works: rows of its sequence and head.
struct Place {
  const float *q, *k, *v;
  float *out;
  int head;
  int stride, sharedStride;
  int firstQuery;
  int firstFeature;

  __device__ __forceinline__ Place(const Problem &problem, int queries, int features) {
    const int tiles = (problem.length + queries - 1) / queries;
    const int tasks = static_cast<int>(gridDim.x / tiles);
    const int task = static_cast<int>(blockIdx.x % tasks);
    head = task % problem.heads;
    const long long row = static_cast<long long>(task / problem.heads) * problem.length;
    stride = problem.heads * problem.size;
    sharedStride = stride / problem.group;
    firstQuery = (tiles - 1 - static_cast<int>(blockIdx.x / tasks)) * queries;
    firstFeature = blockIdx.y * features;
    q = problem.q + row * stride + head * problem.size;
    k = problem.k + row * sharedStride + head / problem.group * problem.size;
    v = problem.v + row * sharedStride + head / problem.group * problem.size;
    out = problem.out + row * stride + head * problem.size;
  }
};

template <int SLOTS>
constexpr int P_ROW = QUERIES<SLOTS> + 4;

template <int SLOTS>
struct Shared {
  float q[QUERIES<SLOTS> * ROW];
  float k[KEYS * ROW];
  float p[KEYS * P_ROW<SLOTS>];  // of each key, the probabilities of the queries of a half warp side by side
  float v[SLICE * SLOTS * 64];
};

template <int SLOTS>
struct Block {
  static constexpr int MINE = ::MINE<SLOTS>;
  static constexpr int QUERY_LOADS = QUERIES<SLOTS> / ROWS_AT_ONCE;
  static constexpr int KEY_LOADS = KEYS / ROWS_AT_ONCE;
  static constexpr int VALUE_LOADS = SLICE * SLOTS * 64 / 4 / THREADS;
  const Problem &problem;
  const Place place;
  Shared<SLOTS> &shared;
  const int lane = threadIdx.x % LANES;
  const int queries = threadIdx.x / LANES;  // this thread has this one and every GROUPS-th further on
  float highest[MINE];
  float sums[MINE];
  float outputs[MINE][SLOTS * 4] = {};
  float scores[MINE][KEYS_OF_THREAD];

  __device__ __forceinline__ Block(const Problem &problem, Shared<SLOTS> &shared)
      : problem(problem), place(problem, QUERIES<SLOTS>, SLOTS * 64), shared(shared) {
    const float sink = problem.sinks == nullptr ? -INFINITY : problem.sinks[place.head];
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      highest[i] = sink;
      sums[i] = sink > -INFINITY ? 1.0f : 0.0f;
    }
  }

  __device__ __forceinline__ int query(int i) const { return place.firstQuery + queries + i * GROUPS; }

  // Whether a query sees a key: neither later than itself nor ahead of its window.
  __device__ __forceinline__ bool sees(int i, int key) const {
    return static_cast<unsigned>(query(i) - key) < static_cast<unsigned>(problem.window);
  }

  // Four features of LOADS rows.
  template <int LOADS>
  __device__ __forceinline__ void fetchRows(float4 (&rows)[LOADS], const float *from, int stride, int firstRow,
                                            int firstFeature) const {
    const int feature = firstFeature + threadIdx.x % 4 * 4;
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int row = firstRow + threadIdx.x / 4 + i * ROWS_AT_ONCE;
      rows[i] = loadFour(from + static_cast<long long>(row) * stride + feature,
                         row < problem.length ? problem.size - feature : 0, problem.aligned);
    }
  }

  template <int LOADS>
  static __device__ __forceinline__ void storeRows(float *to, const float4 (&rows)[LOADS]) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int row = threadIdx.x / 4 + i * ROWS_AT_ONCE;
      *reinterpret_cast<float4 *>(to + row * ROW + threadIdx.x % 4 * 4) = rows[i];
    }
  }

  __device__ __forceinline__ void fetchValues(float4 (&values)[VALUE_LOADS], int firstKey) const {
#pragma unroll
    for (int i = 0; i < VALUE_LOADS; i++) {
      const int load = threadIdx.x + i * THREADS;
      const int key = firstKey + load / (SLOTS * 16);
      const int feature = place.firstFeature + load % (SLOTS * 16) * 4;
      values[i] = loadFour(place.v + static_cast<long long>(key) * place.sharedStride + feature,
                           key < problem.length ? problem.size - feature : 0, problem.aligned);
    }
  }

  __device__ __forceinline__ void storeValues(const float4 (&values)[VALUE_LOADS]) {
#pragma unroll
    for (int i = 0; i < VALUE_LOADS; i++) {
      reinterpret_cast<float4 *>(shared.v)[threadIdx.x + i * THREADS] = values[i];
    }
  }

  __device__ __forceinline__ void multiplyKeys() {
#pragma unroll 1
    for (int f = 0; f < SLICE; f += 4) {
      float4 k[KEYS_OF_THREAD];
#pragma unroll
      for (int j = 0; j < KEYS_OF_THREAD; j++) {
        k[j] = *reinterpret_cast<const float4 *>(shared.k + (lane + j * LANES) * ROW + f);
      }
#pragma unroll
      for (int i = 0; i < MINE; i++) {
        const float4 q = *reinterpret_cast<const float4 *>(shared.q + (queries + i * GROUPS) * ROW + f);
#pragma unroll
        for (int j = 0; j < KEYS_OF_THREAD; j++) {
          scores[i][j] = __fmaf_rn(q.x, k[j].x, scores[i][j]);
          scores[i][j] = __fmaf_rn(q.y, k[j].y, scores[i][j]);
          scores[i][j] = __fmaf_rn(q.z, k[j].z, scores[i][j]);
          scores[i][j] = __fmaf_rn(q.w, k[j].w, scores[i][j]);
        }
      }
    }
  }

  __device__ __forceinline__ void score(int firstKey) {
#pragma unroll
    for (int i = 0; i < MINE; i++) {
#pragma unroll
      for (int j = 0; j < KEYS_OF_THREAD; j++) {
        scores[i][j] = 0.0f;
      }
    }
    float4 q[QUERY_LOADS], k[KEY_LOADS];
    fetchRows(q, place.q, place.stride, place.firstQuery, 0);
    fetchRows(k, place.k, place.sharedStride, firstKey, 0);
#pragma unroll 1
    for (int feature = 0; feature < problem.size; feature += SLICE) {
      __syncthreads();
      storeRows(shared.q, q);
      storeRows(shared.k, k);
      __syncthreads();
      if (feature + SLICE < problem.size) {
        fetchRows(q, place.q, place.stride, place.firstQuery, feature + SLICE);
        fetchRows(k, place.k, place.sharedStride, firstKey, feature + SLICE);
      }
      multiplyKeys();
    }
  }

  // Scales products of queries and keys, bounds them and adds the keys' biases.
  __device__ __forceinline__ void adjust(int firstKey) {
#pragma unroll
    for (int i = 0; i < MINE; i++) {
#pragma unroll
      for (int j = 0; j < KEYS_OF_THREAD; j++) {
        scores[i][j] *= problem.scale;
        if (problem.cap > 0.0f) {
          scores[i][j] = softcapped(scores[i][j], problem.cap);
        }
      }
    }
    if (problem.bias == nullptr) {
      return;
    }
    const float *from = problem.bias + static_cast<long long>(place.head) * problem.length;
#pragma unroll
    for (int j = 0; j < KEYS_OF_THREAD; j++) {
      const int key = firstKey + lane + j * LANES;
      const float bias = key < problem.length ? from[key] : 0.0f;
#pragma unroll
      for (int i = 0; i < MINE; i++) {
        scores[i][j] += bias;
      }
    }
  }

  // Turns scores into probabilities relative to the highest score so far, and what there is already too. A query that
  // has seen nothing yet, or nothing above -Infinity, takes them relative to 0: its sum stays 0.
  template <bool MASKED>
  __device__ __forceinline__ void softmax(int firstKey) {
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      float top = highest[i];
#pragma unroll
      for (int j = 0; j < KEYS_OF_THREAD; j++) {
        const bool seen = !MASKED || sees(i, firstKey + lane + j * LANES);
        top = seen && scores[i][j] > top ? scores[i][j] : top;
      }
#pragma unroll
      for (int distance = LANES / 2; distance > 0; distance /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, top, distance);
        top = other > top ? other : top;
      }
      const float base = top == -INFINITY ? 0.0f : top;
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < KEYS_OF_THREAD; j++) {
        const bool seen = !MASKED || sees(i, firstKey + lane + j * LANES);
        scores[i][j] = seen ? exponentialOf(scores[i][j] - base) : 0.0f;
        sum += scores[i][j];
      }
#pragma unroll
      for (int distance = LANES / 2; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
      }
      const float factor = exponentialOf(highest[i] - base);
      highest[i] = top;
      sums[i] = __fmaf_rn(sums[i], factor, sum);
#pragma unroll
      for (int f = 0; f < SLOTS * 4; f++) {
        outputs[i][f] *= factor;
      }
    }
  }

  __device__ __forceinline__ void storeProbabilities() {
#pragma unroll
    for (int j = 0; j < KEYS_OF_THREAD; j++) {
      float *to = shared.p + (lane + j * LANES) * P_ROW<SLOTS> + queries * MINE;
#pragma unroll
      for (int i = 0; i < MINE; i += 4) {
        *reinterpret_cast<float4 *>(to + i) =
            make_float4(scores[i][j], scores[i + 1][j], scores[i + 2][j], scores[i + 3][j]);
      }
    }
  }

  // Multiplies a slice of values, the first of which is the tile's number `slice`.
  template <bool MASKED>
  __device__ __forceinline__ void multiplyValues(int firstKey, int slice) {
#pragma unroll(SLOTS == 1 ? 1 : 2)
    for (int key = 0; key < SLICE; key++) {
      float p[MINE];
#pragma unroll
      for (int i = 0; i < MINE; i += 4) {
        const float4 four =
            *reinterpret_cast<const float4 *>(shared.p + (slice + key) * P_ROW<SLOTS> + queries * MINE + i);
        p[i] = four.x;
        p[i + 1] = four.y;
        p[i + 2] = four.z;
        p[i + 3] = four.w;
      }
#pragma unroll
      for (int slot = 0; slot < SLOTS; slot++) {
        const float4 v = reinterpret_cast<const float4 *>(shared.v)[(key * SLOTS + slot) * LANES + lane];
#pragma unroll
        for (int i = 0; i < MINE; i++) {
          if (!MASKED || sees(i, firstKey + slice + key)) {
            float *sum = outputs[i] + slot * 4;
            sum[0] = __fmaf_rn(p[i], v.x, sum[0]);
            sum[1] = __fmaf_rn(p[i], v.y, sum[1]);
            sum[2] = __fmaf_rn(p[i], v.z, sum[2]);
            sum[3] = __fmaf_rn(p[i], v.w, sum[3]);
          }
        }
      }
    }
  }

  template <bool MASKED>
  __device__ __forceinline__ void attend(int firstKey) {
    softmax<MASKED>(firstKey);
    storeProbabilities();
    float4 values[VALUE_LOADS];
    fetchValues(values, firstKey);
#pragma unroll 1
    for (int slice = 0; slice < KEYS; slice += SLICE) {
      __syncthreads();
      storeValues(values);
      __syncthreads();
      if (slice + SLICE < KEYS) {
        fetchValues(values, firstKey + slice + SLICE);
      }
      multiplyValues<MASKED>(firstKey, slice);
    }
  }

  __device__ __forceinline__ void write() const {
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      if (query(i) >= problem.length) {
        continue;
      }
      float *row = place.out + static_cast<long long>(query(i)) * place.stride;
#pragma unroll
      for (int f = 0; f < SLOTS * 4; f++) {
        const int feature = place.firstFeature + f / 4 * 64 + lane * 4 + f % 4;
        if (feature < problem.size) {
          row[feature] = __fdiv_rn(outputs[i][f], sums[i]);
        }
      }
    }
  }
};

template <int SLOTS>
__device__ __forceinline__ void attention(const Problem &problem) {
  __shared__ __align__(16) Shared<SLOTS> shared;
  Block<SLOTS> block(problem, shared);
  const int firstQuery = block.place.firstQuery;
  const int firstSeen = max(0, firstQuery + 1 - problem.window);
#pragma unroll 1
  for (int firstKey = firstSeen / KEYS * KEYS; firstKey <= firstQuery; firstKey += KEYS) {
    block.score(firstKey);
    block.adjust(firstKey);
    if (firstKey + KEYS <= firstQuery && firstKey + problem.window >= firstQuery + QUERIES<SLOTS>) {
      block.template attend<false>(firstKey);
    } else {
      block.template attend<true>(firstKey);
    }
  }
  block.write();
}

}  // namespace

// Defines the kernel for heads of up to so many features, a multiple of 64. Small ones leave room for three blocks.
#define ATTENTION_KERNEL(features)                                                                                   \
  extern "C" __global__ void __launch_bounds__(THREADS, features == 64 ? 3 : 2)                                      \
      attention_##features(const float *q, const float *k, const float *v, const float *bias, const float *sinks,    \
                           float *out, int length, int heads, int group, int size, int window, float scale,          \
                           float cap) {                                                                              \
    const bool aligned = size % 4 == 0 && aligned16(q) && aligned16(k) && aligned16(v);                              \
    attention<features / 64>({q, k, v, bias, sinks, out, length, heads, group, size, window, scale, cap, aligned});  \
  }
