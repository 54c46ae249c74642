// A linear layer for one to eight tokens whose weights are packed, as SparseMatrix has them: a bit for each weight, and
// the values of those whose bit is set. And such weights written out dense, for the kernels that take more tokens.
//
// Sums are made as SparseKernels says, to the bit: a warp has a feature, and a lane its columns lane, lane + 32 and so on,
// added up by fused multiply-adds, for a weight that isn't stored with +0.0; then lanes i and i + 16 are added, then i and
// i + 8, i + 4, i + 2, i + 1. Lanes read 32 words of mask side by side, 1024 columns, and a scan of their counts says
// where the values of each word begin; a word goes to all lanes by a shuffle, and a lane's value comes after as many as
// bits are set below its own. So values are read in order, by lanes side by side, STEPS words at a time, whose loads don't
// wait for each other.
//
// Reads for each feature its values once, columns / 8 bytes of mask and 8 bytes of offset: at half zeros and 16 bits
// 0.5625 of the dense bytes. Of x, 4 bytes a column and token for each feature, from the first-level cache or nearer.
// Unpacking writes each weight once. 256 threads, 8 features; no shared memory, no barriers.
//
// Edges: columns beyond the last are read as zero and not written; a missing token repeats the last one. Where rows of
// the mask don't start at multiples of 4 bytes, words are put together from bytes.
#include "widen.cuh"

constexpr int THREADS = 256;
constexpr int WARP = 32;
constexpr int FEATURES = THREADS / WARP;
constexpr int STEPS = 8;
constexpr unsigned ALL = 0xffffffffu;

template <class Element>
struct Packed {
  const Element *values;
  const unsigned char *mask;
  const long long *offsets;
  int features, columns;
};

// The mask of 32 columns of a row, zero beyond the last.
static __device__ __forceinline__ unsigned maskWord(const unsigned char *row, int column, int columns, bool aligned) {
  if (aligned) {
    return column < columns ? *reinterpret_cast<const unsigned *>(row + column / 8) : 0u;
  }
  unsigned word = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    word |= column + 8 * i < columns ? static_cast<unsigned>(row[column / 8 + i]) << 8 * i : 0u;
  }
  return word;
}

// Calls for every STEPS * 32 columns of a feature with the first of them and what the lane has there, zero where nothing
// is stored.
template <class Element, class Action>
static __device__ __forceinline__ void forEachPiece(const Packed<Element> &packed, int feature, Action action) {
  const unsigned lane = threadIdx.x % WARP;
  const int columns = packed.columns;
  const int rowBytes = (columns + 7) / 8;
  const bool aligned = rowBytes % 4 == 0;
  const unsigned char *mask = packed.mask + static_cast<long long>(feature) * rowBytes;
  const Element *values = packed.values + packed.offsets[feature];
  for (int first = 0; first < columns; first += WARP * WARP) {
    const unsigned own = maskWord(mask, first + static_cast<int>(lane) * WARP, columns, aligned);
    unsigned through = static_cast<unsigned>(__popc(own));
#pragma unroll
    for (unsigned distance = 1; distance < WARP; distance *= 2) {
      const unsigned lower = __shfl_up_sync(ALL, through, distance);
      through += lane >= distance ? lower : 0u;
    }
    const unsigned before = through - static_cast<unsigned>(__popc(own));
    for (int step = 0; step < WARP && first + step * WARP < columns; step += STEPS) {
      Element weights[STEPS];
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        const unsigned word = __shfl_sync(ALL, own, step + i);
        const unsigned place = __shfl_sync(ALL, before, step + i) + static_cast<unsigned>(__popc(word & ((1u << lane) - 1u)));
        weights[i] = (word >> lane & 1u) != 0 ? values[place] : Element{0};
      }
      action(first + step * WARP, weights);
    }
    values += __shfl_sync(ALL, through, WARP - 1);
  }
}

template <class Type, int TOKENS>
static __device__ __forceinline__ void linearSparse(const float *x, const Packed<typename Type::Element> &packed,
                                                    const float *bias, float *out, long long outStride, int tokens) {
  const int lane = threadIdx.x % WARP;
  const int feature = blockIdx.x * FEATURES + threadIdx.x / WARP;
  const int columns = packed.columns;
  if (feature >= packed.features) {
    return;
  }
  float chain[TOKENS] = {};
  forEachPiece(packed, feature, [&](int first, const typename Type::Element(&weights)[STEPS]) {
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      const int column = first + i * WARP + lane;
      if (first + i * WARP < columns) {
        const float weight = Type::widen(weights[i]);
#pragma unroll
        for (int t = 0; t < TOKENS; t++) {
          const float *row = x + static_cast<long long>(t < tokens ? t : tokens - 1) * columns;
          chain[t] = __fmaf_rn(weight, column < columns ? row[column] : 0.0f, chain[t]);
        }
      }
    }
  });
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
#pragma unroll
    for (int width = WARP / 2; width > 0; width /= 2) {
      chain[t] += __shfl_xor_sync(ALL, chain[t], width);
    }
    if (lane == t && t < tokens) {
      out[t * outStride + feature] = bias == nullptr ? chain[t] : chain[t] + bias[feature];
    }
  }
}

template <class Element>
static __device__ __forceinline__ void unpack(const Packed<Element> &packed, Element *out, long long stride) {
  const int lane = threadIdx.x % WARP;
  const int feature = blockIdx.x * FEATURES + threadIdx.x / WARP;
  if (feature >= packed.features) {
    return;
  }
  Element *row = out + feature * stride;
  forEachPiece(packed, feature, [&](int first, const Element(&weights)[STEPS]) {
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      const int column = first + i * WARP + lane;
      if (column < packed.columns) {
        row[column] = weights[i];
      }
    }
  });
}

#define LINEAR_SPARSE(name, Type, Element, TOKENS)                                                                   \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                              \
      name(const float *x, const Element *values, const unsigned char *mask, const long long *offsets,               \
           const float *bias, float *out, long long outStride, int tokens, int features, int columns) {              \
    linearSparse<Type, TOKENS>(x, {values, mask, offsets, features, columns}, bias, out, outStride, tokens);         \
  }

#define LINEAR_UNPACK(name, Element)                                                                                 \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                              \
      name(const Element *values, const unsigned char *mask, const long long *offsets, Element *out,                 \
           long long stride, int features, int columns) {                                                            \
    unpack<Element>({values, mask, offsets, features, columns}, out, stride);                                        \
  }

LINEAR_SPARSE(linear_sparse_1_f32, Float32Values, float, 1)
LINEAR_SPARSE(linear_sparse_1_f16, Float16Values, unsigned short, 1)
LINEAR_SPARSE(linear_sparse_1_bf16, Bfloat16Values, unsigned short, 1)
LINEAR_SPARSE(linear_sparse_4_f32, Float32Values, float, 4)
LINEAR_SPARSE(linear_sparse_4_f16, Float16Values, unsigned short, 4)
LINEAR_SPARSE(linear_sparse_4_bf16, Bfloat16Values, unsigned short, 4)
LINEAR_SPARSE(linear_sparse_8_f32, Float32Values, float, 8)
LINEAR_SPARSE(linear_sparse_8_f16, Float16Values, unsigned short, 8)
LINEAR_SPARSE(linear_sparse_8_bf16, Bfloat16Values, unsigned short, 8)
LINEAR_UNPACK(linear_unpack_f32, unsigned)
LINEAR_UNPACK(linear_unpack_f16, unsigned short)
LINEAR_UNPACK(linear_unpack_bf16, unsigned short)
