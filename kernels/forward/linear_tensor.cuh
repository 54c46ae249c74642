// A linear layer on tensor cores: out[t, o] = (sum over c of (high[t, c] + low[t, c]) * w[o, c]) * inverses[t] *
// weightInverses[o] + bias[o], all in F16, for activations that linear_split.cu split and F16 weights, or BF16 weights that it
// brought to F16. The fast kernels have no low part: half the operations, and 11 bits of an activation instead of 22.
//
// Products are exact. Tensor cores cut sums off instead of rounding them, and terms beside a larger sum, so that errors of one
// sign would add up over the columns. So they sum 16 columns of two parts, or 32 (sm_75: 16) of one, from zero each time,
// the low parts first, and these sums are added by float32 additions, which round. More at a time would need more registers.
// kernels/README.md says what that leaves of the error.
//
// A block computes a tile of 128 features by 128 tokens (32 where there are few tokens): of two parts 8 warps with 32
// tokens by 64 (16) features each, of one part 4 warps with 64 (32) tokens by 64 (32). Columns come in slices of 32, 64
// bytes of each row of the parts and of the weights: 24 (12) KiB, of one part 16 (10). Each fragment of weights that is
// loaded from shared memory is multiplied with both parts, or with twice as many tokens. Asynchronous copies keep STAGES
// slices in shared memory: while one is multiplied the next two are on their way, with one barrier a slice; sm_75, which
// has no asynchronous copies, carries the next slice through registers and has two. 16-byte pieces of rows are permuted
// within 64 bytes, so that the 8 rows of an ldmatrix lie in different banks.
//
// 2 operations for each part, token, feature and column. For each slice a block moves 24 KiB for 2 Mi operations, 85 for
// each byte from L2, of one part 16 KiB for 1 Mi, 64 for each; a warp reads 4 KiB of shared memory for 32 matrix
// instructions (m16n8k16), fewer than its bandwidth allows. A warp of a large tile has 64 of these in a slice, and 128
// additions beside them. On sm_90 it issues 337 instructions a slice, of one part 323; if sums stayed in the tensor cores,
// it would be 204 and 212.
//
// Edges: rows past the last token or feature repeat the last one and aren't written. Columns of the split activations are
// padded with zeros to whole slices; weights past a row's last column may be anything, NaN too, so they are replaced by
// zero when they are copied.
#pragma once

#include "linear_scales.cuh"
#include "tensor_core.cuh"
#include "tile_order.cuh"

namespace {

constexpr int FEATURES = 128;
constexpr int SLICE = 32;
constexpr int PIECES = SLICE * 2 / 16;  // of 16 bytes in a row of a slice
#if __CUDA_ARCH__ >= 800
constexpr int STAGES = 3;
constexpr int BLOCKS = 2;  // that a multiprocessor is to have room for
constexpr int FAST_STEP = 4;
#else
constexpr int STAGES = 2;
constexpr int BLOCKS = 1;
constexpr int FAST_STEP = 2;
#endif

// What a block works on: the tokens of its tile and those of a warp, the parts of an activation, and its warps.
template <int BLOCK_TOKENS, int SPLIT, int WARP_COUNT, int TOKENS_OF_WARP>
struct Block {
  static constexpr int TOKENS = BLOCK_TOKENS;
  static constexpr int PARTS = SPLIT;
  static constexpr int THREADS = 32 * WARP_COUNT;
  static constexpr int WARP_TOKENS = TOKENS_OF_WARP;
  static constexpr int WARPS_DOWN = TOKENS / WARP_TOKENS;
  static constexpr int WARP_FEATURES = FEATURES / (WARP_COUNT / WARPS_DOWN);
  static constexpr int ROWS_AT_ONCE = THREADS / PIECES;
  static constexpr int STEP = PARTS == 1 ? FAST_STEP : 2;  // pieces that are summed from zero
  static constexpr int MOST_BLOCKS = PARTS == 1 && TOKENS < 128 ? 5 : BLOCKS;

  // A slice in shared memory: rows of each part, and of weights.
  static constexpr int WEIGHTS = PARTS * TOKENS;  // the row at which they begin
  static constexpr int ROWS = WEIGHTS + FEATURES;
  static constexpr int ELEMENTS = ROWS * SLICE;
  static constexpr int COPIES = ROWS / ROWS_AT_ONCE;  // of a thread
};

struct Problem {
  const unsigned short *halves;
  const float *inverses;
  const unsigned short *w;
  long long stride;
  const float *weightInverses;  // null: all 1
  const float *bias;            // null: none
  float *out;
  long long outStride;
  int tokens, features, columns, padded;
};

// d += a b for fragments of 16 columns.
__device__ __forceinline__ void addProduct(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if TENSOR_CORE_K16
  tensor_core::multiplyF16(d, a, b);
#else
  tensor_core::multiplyF16K8(d, {a[0], a[1]}, b[0]);
  tensor_core::multiplyF16K8(d, {a[2], a[3]}, b[1]);
#endif
}

// Where a piece of a slice's row lies in shared memory, in 16-bit elements.
__device__ __forceinline__ int pieceAt(int row, int piece) {
  return row * SLICE + (piece ^ (row / 2 % PIECES)) * 8;
}

// What a thread copies: the same piece of COPIES rows.
template <class Block>
struct Copier {
  static constexpr int COPIES = Block::COPIES;
  const Problem &problem;
  int rows[COPIES];  // of the halves or the weights
  int piece = threadIdx.x % PIECES;
  int to = pieceAt(threadIdx.x / PIECES, piece);

  __device__ __forceinline__ Copier(const Problem &problem, int firstToken, int firstFeature) : problem(problem) {
#pragma unroll
    for (int i = 0; i < COPIES; i++) {
      const int row = i * Block::ROWS_AT_ONCE + threadIdx.x / PIECES;
      const int token = min(firstToken + row % Block::TOKENS, problem.tokens - 1);
      const int feature = min(firstFeature + row - Block::WEIGHTS, problem.features - 1);
      rows[i] = isWeight(i) ? feature : Block::PARTS * token + row / Block::TOKENS;
    }
  }

  __device__ __forceinline__ const unsigned short *from(int copy, int column) const {
    return isWeight(copy) ? problem.w + (column + piece * 8) + rows[copy] * problem.stride
                          : problem.halves + (column + piece * 8) + static_cast<long long>(rows[copy]) * problem.padded;
  }

  static __device__ __forceinline__ bool isWeight(int copy) {
    return copy * Block::ROWS_AT_ONCE >= Block::WEIGHTS;
  }

  // Bytes of this thread's piece of weights that belong to the row.
  __device__ __forceinline__ int weightBytes(int column) const {
    return max(0, min(8, problem.columns - column - piece * 8)) * 2;
  }
};

#if __CUDA_ARCH__ >= 800

template <class Block>
__device__ __forceinline__ void copySlice(const Copier<Block> &copier, int column, unsigned short *slice) {
#pragma unroll
  for (int i = 0; i < Copier<Block>::COPIES; i++) {
    const int bytes = Copier<Block>::isWeight(i) ? copier.weightBytes(column) : 16;
    tensor_core::copyAsync(slice + copier.to + i * Block::ROWS_AT_ONCE * SLICE, copier.from(i, column), bytes);
  }
}

#else

template <class Block>
struct Carried {
  uint4 pieces[Copier<Block>::COPIES];
};

__device__ __forceinline__ uint4 loadPiece(const unsigned short *from, int bytes) {
  if (bytes == 16) {
    return *reinterpret_cast<const uint4 *>(from);
  }
  unsigned words[4] = {};
#pragma unroll
  for (int i = 0; i < 8; i++) {
    words[i / 2] |= i * 2 < bytes ? static_cast<unsigned>(from[i]) << i % 2 * 16 : 0u;
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

template <class Block>
__device__ __forceinline__ void fetch(const Copier<Block> &copier, int column, Carried<Block> &carried) {
#pragma unroll
  for (int i = 0; i < Copier<Block>::COPIES; i++) {
    const int bytes = Copier<Block>::isWeight(i) ? copier.weightBytes(column) : 16;
    carried.pieces[i] = loadPiece(copier.from(i, column), bytes);
  }
}

template <class Block>
__device__ __forceinline__ void store(const Copier<Block> &copier, const Carried<Block> &carried,
                                      unsigned short *slice) {
#pragma unroll
  for (int i = 0; i < Copier<Block>::COPIES; i++) {
    *reinterpret_cast<uint4 *>(slice + copier.to + i * Block::ROWS_AT_ONCE * SLICE) = carried.pieces[i];
  }
}

#endif

// One warp's part of the tile.
template <class Block>
struct WarpTile {
  static constexpr int DOWN = Block::WARP_TOKENS / 16;
  static constexpr int ACROSS = Block::WARP_FEATURES / 8;
  static constexpr int STEP = Block::STEP;
  float sums[DOWN][ACROSS][4] = {};
  int lane = threadIdx.x % 32;
  int token = threadIdx.x / 32 % Block::WARPS_DOWN * Block::WARP_TOKENS;
  int feature = threadIdx.x / 32 / Block::WARPS_DOWN * Block::WARP_FEATURES;

  // Where this lane's rows of the first matrices lie; another piece's lie where two bits of it are turned over.
  int xAt = pieceAt(token + lane % 16, lane / 16);
  int wAt = pieceAt(Block::WEIGHTS + feature + lane / 8 / STEP * 8 + lane % 8, lane / 8 % STEP);

  __device__ __forceinline__ void multiply(const unsigned short *slice) {
    // Unrolled, ptxas would load the next step ahead and spill.
#pragma unroll 1
    for (int first = 0; first < PIECES; first += STEP) {
      multiplyStep(slice, first);
    }
  }

  // Of a step's pieces from the first on.
  __device__ __forceinline__ void multiplyStep(const unsigned short *slice, int first) {
    unsigned x[Block::PARTS][STEP / 2][DOWN][4];
#pragma unroll
    for (int part = 0; part < Block::PARTS; part++) {
#pragma unroll
      for (int half = 0; half < STEP / 2; half++) {
#pragma unroll
        for (int i = 0; i < DOWN; i++) {
          const unsigned short *rows = slice + (part * Block::TOKENS + i * 16) * SLICE;
          tensor_core::loadMatrices(x[part][half][i], rows + (xAt ^ (first + half * 2) * 8));
        }
      }
    }
#pragma unroll
    for (int j = 0; j < ACROSS; j += 4 / STEP) {
      unsigned w[4];
      tensor_core::loadMatrices(w, slice + j * 8 * SLICE + (wAt ^ first * 8));
#pragma unroll
      for (int k = 0; k < 4 / STEP; k++) {
        add(j + k, x, w + k * STEP);
      }
    }
  }

  // Low parts come first, so that they aren't cut off beside high ones.
  __device__ __forceinline__ void add(int j, const unsigned (&x)[Block::PARTS][STEP / 2][DOWN][4], const unsigned *w) {
    float products[DOWN][4] = {};
#pragma unroll
    for (int part = Block::PARTS - 1; part >= 0; part--) {
#pragma unroll
      for (int half = 0; half < STEP / 2; half++) {
#pragma unroll
        for (int i = 0; i < DOWN; i++) {
          addProduct(products[i], x[part][half][i], {w[half * 2], w[half * 2 + 1]});
        }
      }
    }
#pragma unroll
    for (int i = 0; i < DOWN * 4; i++) {
      sums[i / 4][j][i % 4] += products[i / 4][i % 4];
    }
  }

  __device__ __forceinline__ void write(const Problem &problem, int firstToken, int firstFeature) const {
    const bool paired = problem.outStride % 2 == 0 && reinterpret_cast<unsigned long long>(problem.out) % 8 == 0;
#pragma unroll
    for (int i = 0; i < DOWN * 2; i++) {
      const int t = firstToken + token + i * 8 + lane / 4;
      if (t < problem.tokens) {
        writeRow(problem, t, firstFeature + feature + lane % 4 * 2, i, paired);
      }
    }
  }

  __device__ __forceinline__ void writeRow(const Problem &problem, int t, int first, int i, bool paired) const {
    float *row = problem.out + t * problem.outStride;
    const float inverse = problem.inverses[t];
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
      const int o = first + j * 8;
      const float left = finish(problem, sums[i / 2][j][i % 2 * 2], inverse, o);
      const float right = finish(problem, sums[i / 2][j][i % 2 * 2 + 1], inverse, o + 1);
      if (paired && o + 1 < problem.features) {
        *reinterpret_cast<float2 *>(row + o) = make_float2(left, right);
      } else if (o < problem.features) {
        row[o] = left;
        if (o + 1 < problem.features) {
          row[o + 1] = right;
        }
      }
    }
  }

  static __device__ __forceinline__ float finish(const Problem &problem, float sum, float inverse, int o) {
    if (o >= problem.features) {
      return sum;
    }
    const float product = unscaled(sum, inverse, problem.weightInverses == nullptr ? 1.0f : problem.weightInverses[o]);
    return problem.bias == nullptr ? product : product + problem.bias[o];
  }
};

template <class Block>
__device__ __forceinline__ void linear(const Problem &problem) {
  DYNAMIC_SHARED(unsigned short, slices);
  constexpr int ELEMENTS = Block::ELEMENTS;
  const TilePlace tile = tilePlace((problem.tokens + Block::TOKENS - 1) / Block::TOKENS,
                                   (problem.features + FEATURES - 1) / FEATURES);
  const int firstToken = tile.row * Block::TOKENS;
  const int firstFeature = tile.column * FEATURES;
  const Copier<Block> copier(problem, firstToken, firstFeature);
  const int count = problem.padded / SLICE;
  WarpTile<Block> warp;
#if __CUDA_ARCH__ >= 800
#pragma unroll
  for (int ahead = 0; ahead < STAGES - 1; ahead++) {
    if (ahead < count) {
      copySlice(copier, ahead * SLICE, slices + ahead * ELEMENTS);
    }
    tensor_core::copyAsyncCommit();
  }
  int stage = 0;
  int filled = STAGES - 1;
  for (int i = 0; i < count; i++) {
    tensor_core::copyAsyncWait<STAGES - 2>();
    __syncthreads();
    if (i + STAGES - 1 < count) {
      copySlice(copier, (i + STAGES - 1) * SLICE, slices + filled * ELEMENTS);
    }
    tensor_core::copyAsyncCommit();
    warp.multiply(slices + stage * ELEMENTS);
    stage = stage == STAGES - 1 ? 0 : stage + 1;
    filled = filled == STAGES - 1 ? 0 : filled + 1;
  }
#else
  Carried<Block> carried;
  fetch(copier, 0, carried);
  store(copier, carried, slices);
  for (int i = 0; i < count; i++) {
    __syncthreads();
    const bool more = i + 1 < count;
    if (more) {
      fetch(copier, (i + 1) * SLICE, carried);
    }
    warp.multiply(slices + i % STAGES * ELEMENTS);
    if (more) {
      store(copier, carried, slices + (i + 1) % STAGES * ELEMENTS);
    }
  }
#endif
  warp.write(problem, firstToken, firstFeature);
}

}  // namespace

// Defines the kernel of a block.
#define LINEAR_KERNEL(name, block)                                                                               \
  extern "C" __global__ void __launch_bounds__(block::THREADS, block::MOST_BLOCKS)                               \
      name(const unsigned short *halves, const float *inverses, const unsigned short *w, long long stride,       \
           const float *weightInverses, const float *bias, float *out, long long outStride, int tokens,          \
           int features, int columns, int padded) {                                                              \
    linear<block>({halves, inverses, w, stride, weightInverses, bias, out, outStride, tokens, features, columns, \
                   padded});                                                                                     \
  }
