// Host twins of kernels/lib/tensor_core.cuh.
#pragma once

#include <cstdint>

#include "tensor_core.h"

namespace tensor_core {

constexpr double LEAST_NORMAL = 0x1p-14;

inline float widen(uint16_t bits) {
  const unsigned sign = static_cast<unsigned>(bits >> 15) << 31, exponent = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude;
  if (exponent == 31) {
    magnitude = __uint_as_float(0x7f800000 | fraction << 13);
  } else if (exponent == 0) {
    magnitude = static_cast<float>(fraction) * 0x1p-24f;
  } else {
    magnitude = __uint_as_float((exponent + 112) << 23 | fraction << 13);
  }
  return __uint_as_float(sign | __float_as_uint(magnitude));
}

// What a lane brings to a product with k of 8 or 16.
struct Fragments {
  const unsigned *a, *b;
  float *d;
};

template <int k>
PRETEND_UNSEEN void multiplyMeeting(void *const payloads[32]) {
  pretend::Tile tile;
  for (int lane = 0; lane < 32; lane++) {
    const auto *mine = static_cast<const Fragments *>(payloads[lane]);
    if (!mine) pretend::refuse("a matrix product without lane %d", lane);
    const int group = lane / 4, pair = lane % 4;
    for (int half = 0; half < k / 8; half++) {
      for (int i = 0; i < 2; i++) {
        const int inner = 8 * half + 2 * pair + i;
        tile.a[group][inner] = widen(mine->a[2 * half] >> 16 * i);
        tile.a[group + 8][inner] = widen(mine->a[2 * half + 1] >> 16 * i);
        tile.b[inner][group] = widen(mine->b[half] >> 16 * i);
      }
    }
    for (int i = 0; i < 4; i++) tile.d[group + i / 2 * 8][2 * pair + i % 2] = mine->d[i];
  }
  pretend::multiplyTile(tile, k, LEAST_NORMAL);
  for (int lane = 0; lane < 32; lane++) {
    float *d = static_cast<const Fragments *>(payloads[lane])->d;
    for (int i = 0; i < 4; i++) d[i] = tile.d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

inline void multiplyF16K8(float (&d)[4], const unsigned (&a)[2], unsigned b, PRETEND_PLACE) {
  Fragments mine{a, &b, d};
  pretend::meet("mma.m16n8k8.f16", 0xffffffff, multiplyMeeting<8>, &mine, place);
}

#if TENSOR_CORE_K16
inline void multiplyF16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], PRETEND_PLACE) {
  Fragments mine{a, b, d};
  pretend::meet("mma.m16n8k16.f16", 0xffffffff, multiplyMeeting<16>, &mine, place);
}
#endif

struct MatrixRow {
  const uint16_t *row;
  unsigned *words;
};

template <int matrices, bool transposed>
PRETEND_UNSEEN void loadMeeting(void *const payloads[32]) {
  for (int lane = 0; lane < 32; lane++) {
    const auto *mine = static_cast<const MatrixRow *>(payloads[lane]);
    if (!mine) pretend::refuse("ldmatrix without lane %d", lane);
    for (int matrix = 0; matrix < matrices; matrix++) {
      unsigned word = 0;
      for (int i = 0; i < 2; i++) {
        const int row = transposed ? lane % 4 * 2 + i : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + i;
        word |= unsigned{static_cast<const MatrixRow *>(payloads[8 * matrix + row])->row[column]} << 16 * i;
      }
      mine->words[matrix] = word;
    }
  }
}

template <int matrices, bool transposed>
void load(unsigned (&words)[matrices], const void *row, pretend::Place place) {
  if (pretend::thread->lane() < 8 * matrices) {
    pretend::requireShared(row, 16);
    if (pretend::racesAreSeen()) __tsan_read_range(const_cast<void *>(row), 16);
  }
  MatrixRow mine{static_cast<const uint16_t *>(row), words};
  pretend::meet("ldmatrix", 0xffffffff, loadMeeting<matrices, transposed>, &mine, place);
}

inline void loadMatrices(unsigned (&words)[4], const void *row, PRETEND_PLACE) { load<4, false>(words, row, place); }
inline void loadMatrices(unsigned (&words)[2], const void *row, PRETEND_PLACE) { load<2, false>(words, row, place); }
inline void loadMatricesTransposed(unsigned (&words)[4], const void *row, PRETEND_PLACE) { load<4, true>(words, row, place); }
inline void loadMatricesTransposed(unsigned (&words)[2], const void *row, PRETEND_PLACE) { load<2, true>(words, row, place); }

inline void copyAsync(void *shared, const void *global, int bytes = 16) {
  if (bytes < 0 || bytes > 16) pretend::refuse("copyAsync of %d bytes", bytes);
  pretend::requireShared(shared, 16);
  if (reinterpret_cast<uintptr_t>(global) % 16 != 0) pretend::refuse("copyAsync from %p, no multiple of 16", global);
  pretend::copyLater({shared, global, bytes});
#if __CUDA_ARCH__ < 800
  pretend::commitCopies();
  pretend::awaitCopies(0);
#endif
}

inline void copyAsyncCommit() {
#if __CUDA_ARCH__ >= 800
  pretend::commitCopies();
#endif
}

template <int pending>
void copyAsyncWait() {
#if __CUDA_ARCH__ >= 800
  pretend::awaitCopies(pending);
#endif
}

}  // namespace tensor_core
