// SparseGPT (Frantar and Alistarh, arXiv 2301.00774, algorithm 1) within a block of columns, all rows at once: scores,
// pruning column by column with the columns to the right making up for it, and the sum of what blocks before change. The
// formulas, and the order in which a weight is changed, are those of SparseGptKernels, so that results have the CPU's bits;
// what a block passes on is a linear layer between these kernels.
//
//   sparse_gpt_scores  w * w / (u * u) of a block's weights, 0 where a column is dead
//   sparse_gpt_prune   prunes a block's columns from left to right
//   sparse_gpt_add     adds to columns
//
// `block` has the factor's rows of the block, `upper_stride` elements apart, and behind them which columns are dead. A block
// of whole warps has a row (grid.x); thread t has the columns t, t + blockDim.x and so on to itself, and the change of the
// column that is taken is passed to all by shared memory, 8 bytes, one barrier a column. With groups, what goes of one is
// chosen when its first column is reached: a thread counts what scores lower. For each row of a block of n columns
// sparse_gpt_prune reads n * n / 2 of the factor and changes as many weights, from caches; of device memory it moves
// 16 * n bytes.
#include "device.cuh"

static __device__ __forceinline__ float scoreOf(float weight, float diagonal, float dead) {
  return dead != 0 ? 0.0f : weight * weight / (diagonal * diagonal);
}

extern "C" __global__ void sparse_gpt_scores(const float *w, long long stride, const float *block, int upperStride,
                                             float *out, int columns) {
  const float *row = w + blockIdx.x * stride;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    const float score = scoreOf(row[c], block[c * upperStride + c], block[columns * upperStride + c]);
    out[static_cast<long long>(blockIdx.x) * columns + c] = score;
  }
}

extern "C" __global__ void sparse_gpt_prune(float *w, float *kept, long long stride, const float *block, int upperStride,
                                            int threshold, int pruned, int size, float *changes, int columns) {
  __shared__ float change[2];
  float *row = w + blockIdx.x * stride;
  float *marks = kept + blockIdx.x * stride;
  float *left = changes + static_cast<long long>(blockIdx.x) * columns;
  const float *dead = block + columns * upperStride;
  const int threads = static_cast<int>(blockDim.x);
  // The thread's next column.
  int next = static_cast<int>(threadIdx.x);
  // The bits of a score order as its value does, and a NaN last.
  const auto key = [=](int c) {
    return __float_as_int(scoreOf(row[c], block[c * upperStride + c], dead[c])) & 0x7fffffff;
  };
  for (int first = 0; first < columns; first += size) {
    const int end = first + size;
    __syncthreads();
    for (int c = next; c < end; c += threads) {
      const int own = key(c);
      int before = 0;
      for (int other = first; other < end && pruned > 0; other++) {
        const int compared = key(other);
        before += compared < own || (compared == own && other < c) ? 1 : 0;
      }
      marks[c] = dead[c] != 0 || own <= threshold || before < pruned ? 0.0f : 1.0f;
    }
    __syncthreads();
    for (int column = first; column < end; column++) {
      if (column == next) {
        const bool gone = marks[column] == 0;
        const float taken = gone ? -(row[column] / block[column * upperStride + column]) : 0.0f;
        change[column % 2] = taken;
        left[column] = taken;
        row[column] = gone ? 0.0f : row[column];
        next += threads;
      }
      __syncthreads();
      for (int c = next; c < columns; c += threads) {
        row[c] = fmaf(change[column % 2], block[column * upperStride + c], row[c]);
      }
    }
  }
}

extern "C" __global__ void sparse_gpt_add(const float *terms, float *w, long long stride, int columns) {
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    w[blockIdx.x * stride + c] += terms[static_cast<long long>(blockIdx.x) * columns + c];
  }
}
