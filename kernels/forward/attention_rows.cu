// Attention of the last queries of a sequence whose keys and values were kept, as when a text is generated: few queries,
// many keys, so that tiles of queries would be empty and a block for each head too few blocks. Four kernels, each with a
// thread for every sum that can be made by itself; a place is a query and a head. Results are the CPU's to the bit.
//
//   attention_row_scores   a thread for each key and place: the product, a chain over RUN features at a time
//   attention_row_softmax  a block for each place: the highest score, exponentials, and their sum in 16 lanes
//   attention_row_values   a thread for each feature, run of RUN keys and place: a chain over the run's keys
//   attention_row_sums     a thread for each feature and place: the runs' chains in order, divided by the sum
//
// Keys and values are read once for each query head that shares them, all but the first time from a cache; scores (4
// bytes a key and place) and chains (4 bytes a feature, run and place) are written and read again. Bound by memory.
// Scores of keys outside a window are neither made nor read.
#include "float_vectors.cuh"
#include "tanh.cuh"

constexpr int THREADS = 256;
constexpr int LANES = 16;
constexpr int RUN = 256;

// All kernels have the same parameters. `past`: tokens before the first query; `firstPlace`: the place that scores, sums
// and chains begin with. Scores are [places, length], sums [places], chains [places, runs, size]; places go by query,
// within a query by head.
struct Shape {
  int queries, length, past, heads, group, size, window;
  float scale, softcap;
};

// Where a place's query, keys and values are.
struct Place {
  int query, head, token, first;
  long long keys;

  __device__ Place(const Shape &shape, int place) {
    query = place / shape.heads;
    head = place % shape.heads;
    const int sequence = query / shape.queries;
    token = shape.past + query % shape.queries;
    first = token - shape.window + 1 > 0 ? token - shape.window + 1 : 0;
    keys = static_cast<long long>(sequence) * shape.length;
  }
};

static __device__ __forceinline__ int keyWidth(const Shape &shape) { return shape.heads / shape.group * shape.size; }

static __device__ __forceinline__ float product(const float *q, const float *k, int size, bool aligned) {
  float sum = 0.0f;
  for (int run = 0; run < size; run += RUN) {
    const int end = run + RUN < size ? run + RUN : size;
    float chain = 0.0f;
#pragma unroll 8
    for (int d = run; d < end; d += 4) {
      const float4 a = loadFour(q + d, end - d, aligned);
      const float4 b = loadFour(k + d, end - d, aligned);
      chain = __fmaf_rn(a.x, b.x, chain);
      chain = __fmaf_rn(a.y, b.y, chain);
      chain = __fmaf_rn(a.z, b.z, chain);
      chain = __fmaf_rn(a.w, b.w, chain);
    }
    sum = run == 0 ? chain : sum + chain;
  }
  return sum;
}

#define PARAMETERS                                                                                               \
  const float *q, const float *k, const float *v, const float *keyBias, const float *sinks, float *out,          \
      float *scores, float *sums, float *chains, int firstPlace, int queries, int length, int past, int heads, int group, int size, int window,   \
      float scale, float softcap
#define SHAPE \
  const Shape shape { queries, length, past, heads, group, size, window, scale, softcap }

extern "C" __global__ void __launch_bounds__(THREADS) attention_row_scores(PARAMETERS) {
  SHAPE;
  const Place place(shape, firstPlace + blockIdx.y);
  const int key = blockIdx.x * THREADS + threadIdx.x;
  if (key < place.first || key > place.token) {
    return;
  }
  const int width = keyWidth(shape);
  const bool aligned = size % 4 == 0 && aligned16(q) && aligned16(k);
  const float *query = q + (static_cast<long long>(place.query) * heads + place.head) * size;
  const float *row = k + (place.keys + key) * width + place.head / group * size;
  float score = product(query, row, size, aligned) * scale;
  if (softcap > 0.0f) {
    score = softcapped(score, softcap);
  }
  if (keyBias != nullptr) {
    score += keyBias[static_cast<long long>(place.head) * length + key];
  }
  scores[static_cast<long long>(blockIdx.y) * length + key] = score;
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_row_softmax(PARAMETERS) {
  __shared__ float shared[THREADS];
  SHAPE;
  const Place place(shape, firstPlace + blockIdx.x);
  float *row = scores + static_cast<long long>(blockIdx.x) * length;
  const float sink = sinks == nullptr ? -INFINITY : sinks[place.head];
  float highest = sink;
  for (int j = place.first + threadIdx.x; j <= place.token; j += THREADS) {
    highest = row[j] > highest ? row[j] : highest;
  }
  shared[threadIdx.x] = highest;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      const float other = shared[threadIdx.x + half];
      shared[threadIdx.x] = other > shared[threadIdx.x] ? other : shared[threadIdx.x];
    }
    __syncthreads();
  }
  highest = shared[0];
  for (int j = place.first + threadIdx.x; j <= place.token; j += THREADS) {
    row[j] = exponentialOf(row[j] - highest);
  }
  __syncthreads();
  if (threadIdx.x < LANES) {
    const int skipped = (place.first - static_cast<int>(threadIdx.x) + LANES - 1) / LANES;
    float lane = 0.0f;
#pragma unroll 8
    for (int j = threadIdx.x + (place.first > threadIdx.x ? skipped * LANES : 0); j <= place.token; j += LANES) {
      lane += row[j];
    }
    shared[threadIdx.x] = lane;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int width = LANES / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        shared[i] += shared[i + width];
      }
    }
    sums[blockIdx.x] = sinks == nullptr ? shared[0] : shared[0] + exponentialOf(sink - highest);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_row_values(PARAMETERS) {
  SHAPE;
  const Place place(shape, firstPlace + blockIdx.y);
  const int runs = (length + RUN - 1) / RUN;
  const int at = blockIdx.x * THREADS + threadIdx.x;
  const int run = at / size;
  const int d = at % size;
  const int from = run * RUN > place.first ? run * RUN : place.first;
  const int end = (run + 1) * RUN < place.token + 1 ? (run + 1) * RUN : place.token + 1;
  if (run >= runs || from >= end) {
    return;
  }
  const int width = keyWidth(shape);
  const float *p = scores + static_cast<long long>(blockIdx.y) * length;
  const float *column = v + place.keys * width + place.head / group * size + d;
  float chain = 0.0f;
#pragma unroll 16
  for (int j = from; j < end; j++) {
    chain = __fmaf_rn(p[j], column[static_cast<long long>(j) * width], chain);
  }
  chains[(static_cast<long long>(blockIdx.y) * runs + run) * size + d] = chain;
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_row_sums(PARAMETERS) {
  SHAPE;
  const Place place(shape, firstPlace + blockIdx.y);
  const int d = blockIdx.x * THREADS + threadIdx.x;
  if (d >= size) {
    return;
  }
  const int runs = (length + RUN - 1) / RUN;
  const float *own = chains + static_cast<long long>(blockIdx.y) * runs * size + d;
  const int firstRun = place.first / RUN;
  float sum = own[static_cast<long long>(firstRun) * size];
  for (int run = firstRun + 1; run * RUN <= place.token; run++) {
    sum += own[static_cast<long long>(run) * size];
  }
  out[(static_cast<long long>(place.query) * heads + place.head) * size + d] = __fdiv_rn(sum, sums[blockIdx.y]);
}
