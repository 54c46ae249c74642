// A linear layer without tensor cores: out[t, o] = sum over c of x[t, c] * w[o, c] + bias[o], in float32 throughout, for
// float32 weights (TF32 would drop 13 bits of both).
//
// A block of 256 threads computes a tile of 128 tokens by 128 features, 8 by 8 a thread. Slices of 16 columns of x and w
// go through registers into shared memory, transposed, so that a thread reads its 8 tokens and its 8 features of a column
// as two 16-byte loads each: 4 loads for 64 multiply-adds. While a slice is multiplied the next one is on its way to
// registers, and shared memory holds two (33 KiB), so that one barrier a slice is enough.
//
// 2 tokens * features * columns operations; of x and w, 128 * columns elements each for a tile, so that 64 operations go
// with each element from L2 or further away: bound by arithmetic. Sums are made as the CPU makes them, to the bit:
// chains of fused multiply-adds over RUN columns, added up in order; that is why a thread has 128 sums and not 64, and
// a multiprocessor one block and not two. It is also what keeps the error of long rows low.
//
// Edges: what lies outside is read as zero and not written.
#include "float_vectors.cuh"
#include "register_tile.cuh"
#include "tile_order.cuh"
#include "widen.cuh"

constexpr int SLICE = 16;
constexpr int RUN = 256;
constexpr int ROW = TILE + 4;  // of a transposed slice, in floats: a multiple of 16 bytes
constexpr int LOADS = TILE * SLICE / 4 / THREADS;

struct Slice {
  float x[SLICE][ROW];
  float w[SLICE][ROW];
};

// What a thread carries from global to shared memory: four columns of one row, of LOADS rows of each matrix.
struct Carried {
  float4 x[LOADS];
  float4 w[LOADS];
};

struct Input {
  const float *x;
  const float *w;
  long long stride;
  int tokens, features, columns;
  bool aligned;

  __device__ __forceinline__ void fetch(Carried &carried, int firstToken, int firstFeature, int firstColumn) const {
    const int column = firstColumn + threadIdx.x % 4 * 4;
    const int left = columns - column;
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int row = threadIdx.x / 4 + i * (THREADS / 4);
      const int token = firstToken + row;
      const int feature = firstFeature + row;
      carried.x[i] =
          loadFour(x + static_cast<long long>(token) * columns + column, token < tokens ? left : 0, aligned);
      carried.w[i] = loadFourWeights<Float32Values>(w + feature * stride + column, feature < features ? left : 0);
    }
  }
};

static __device__ __forceinline__ void putTransposed(float (*slice)[ROW], int column, int row, float4 values) {
  slice[column][row] = values.x;
  slice[column + 1][row] = values.y;
  slice[column + 2][row] = values.z;
  slice[column + 3][row] = values.w;
}

static __device__ __forceinline__ void store(Slice &slice, const Carried &carried) {
  const int column = threadIdx.x % 4 * 4;
#pragma unroll
  for (int i = 0; i < LOADS; i++) {
    const int row = threadIdx.x / 4 + i * (THREADS / 4);
    putTransposed(slice.x, column, row, carried.x[i]);
    putTransposed(slice.w, column, row, carried.w[i]);
  }
}

static __device__ __forceinline__ void endRun(float (&sum)[8][8], float (&chain)[8][8]) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
#pragma unroll
    for (int j = 0; j < 8; j++) {
      sum[i][j] += chain[i][j];
      chain[i][j] = 0.0f;
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    linear_float(const float *x, const float *w, long long stride, const float *bias, float *out, long long outStride,
                 int tokens, int features, int columns) {
  __shared__ __align__(16) Slice slices[2];
  const Input input{x, w, stride, tokens, features, columns, columns % 4 == 0 && aligned16(x)};
  const TilePlace tile = tilePlace((tokens + TILE - 1) / TILE, (features + TILE - 1) / TILE);
  const int firstToken = tile.row * TILE;
  const int firstFeature = tile.column * TILE;
  float sum[8][8] = {};
  float chain[8][8] = {};
  Carried carried;
  input.fetch(carried, firstToken, firstFeature, 0);
  store(slices[0], carried);
  int current = 0;
  for (int column = 0; column < columns; column += SLICE) {
    __syncthreads();
    const bool more = column + SLICE < columns;
    if (more) {
      input.fetch(carried, firstToken, firstFeature, column + SLICE);
    }
    multiplySlices(chain, slices[current].x, slices[current].w);
    current ^= 1;
    if (more) {
      store(slices[current], carried);
    }
    if (!more || (column + SLICE) % RUN == 0) {
      endRun(sum, chain);
    }
  }
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const int feature = firstFeature + place(j, threadIdx.x % 16);
    const float offset = bias != nullptr && feature < features ? bias[feature] : 0.0f;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int token = firstToken + place(i, threadIdx.x / 16);
      if (token < tokens && feature < features) {
        out[token * outStride + feature] = bias == nullptr ? sum[i][j] : sum[i][j] + offset;
      }
    }
  }
}
