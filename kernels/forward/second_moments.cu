// Sums of the products of each two columns of activations: for i <= j, state[i, j] += sum over t of x[t, i] * x[t, j],
// where state is a triangle of doubles, row by row. To the bit what the CPU computes: chains of fused multiply-adds in
// float32 over runs of RUN rows, added in order to the doubles.
//
// The product of a matrix, transposed, with itself. A block of 256 threads computes a tile of 128 by 128 pairs, 8 by 8 a
// thread; blocks whose tile lies below the diagonal end at once. Slices of 16 rows of the tile's columns go through
// registers into shared memory as they lie, since rows are what is summed over; a thread reads its 8 and 8 values of a
// row as two 16-byte loads each: 4 loads for 64 multiply-adds. While a slice is multiplied the next one is on its way to
// registers, and shared memory holds two (32 KiB), so that one barrier a slice is enough.
//
// rows * columns * columns operations, half of what the whole product takes; 64 go with each element that is read from
// L2 or further away, and every 256 rows 16 bytes are read and written for each pair: bound by arithmetic. Doubles are
// converted and added once for 256 multiply-adds, which is a tenth to a fourth of the time where their rate is 1/64 of
// float32's.
//
// Edges: what lies outside is read as zero and not written.
#include "float_vectors.cuh"
#include "register_tile.cuh"
#include "tile_order.cuh"

constexpr int SLICE = 16;
constexpr int RUN = 256;
constexpr int LOADS = TILE * SLICE / 4 / THREADS;

struct Slice {
  float left[SLICE][TILE];
  float right[SLICE][TILE];
};

// What a thread carries from global to shared memory: four columns of LOADS rows, for each side.
struct Carried {
  float4 left[LOADS];
  float4 right[LOADS];
};

struct Input {
  const float *x;
  int rows, columns;
  bool aligned;

  __device__ __forceinline__ float4 four(int row, int column) const {
    return loadFour(x + static_cast<long long>(row) * columns + column, row < rows ? columns - column : 0, aligned);
  }

  __device__ __forceinline__ void fetch(Carried &carried, int firstRow, int firstLeft, int firstRight) const {
    const int column = threadIdx.x % (TILE / 4) * 4;
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int row = firstRow + threadIdx.x / (TILE / 4) + i * (SLICE / LOADS);
      carried.left[i] = four(row, firstLeft + column);
      carried.right[i] = four(row, firstRight + column);
    }
  }
};

static __device__ __forceinline__ void store(Slice &slice, const Carried &carried) {
  const int column = threadIdx.x % (TILE / 4) * 4;
#pragma unroll
  for (int i = 0; i < LOADS; i++) {
    const int row = threadIdx.x / (TILE / 4) + i * (SLICE / LOADS);
    *reinterpret_cast<float4 *>(&slice.left[row][column]) = carried.left[i];
    *reinterpret_cast<float4 *>(&slice.right[row][column]) = carried.right[i];
  }
}

static __device__ __forceinline__ void endRun(
    float (&chain)[8][8], double *state, int columns, int firstLeft, int firstRight) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    const long long row = firstLeft + place(i, threadIdx.x / 16);
    double *const diagonal = state + row * columns - row * (row - 1) / 2;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const int column = firstRight + place(j, threadIdx.x % 16);
      if (row <= column && column < columns) {
        diagonal[column - row] += chain[i][j];
      }
      chain[i][j] = 0.0f;
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) second_moments(const float *x, int rows, int columns, double *state) {
  __shared__ __align__(16) Slice slices[2];
  const int tiles = (columns + TILE - 1) / TILE;
  const TilePlace tile = tilePlace(tiles, tiles);
  if (tile.column < tile.row) {
    return;
  }
  const Input input{x, rows, columns, columns % 4 == 0 && aligned16(x)};
  const int firstLeft = tile.row * TILE;
  const int firstRight = tile.column * TILE;
  float chain[8][8] = {};
  Carried carried;
  input.fetch(carried, 0, firstLeft, firstRight);
  store(slices[0], carried);
  int current = 0;
  for (int row = 0; row < rows; row += SLICE) {
    __syncthreads();
    const bool more = row + SLICE < rows;
    if (more) {
      input.fetch(carried, row + SLICE, firstLeft, firstRight);
    }
    multiplySlices(chain, slices[current].left, slices[current].right);
    current ^= 1;
    if (more) {
      store(slices[current], carried);
    }
    if (!more || (row + SLICE) % RUN == 0) {
      endRun(chain, state, columns, firstLeft, firstRight);
    }
  }
}
