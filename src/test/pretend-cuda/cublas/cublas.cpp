// The part of cuBLAS 12 that is pretended: products of column-major matrices, summed in float32 in a fixed order.
#include <cstring>
#include <memory>
#include <mutex>
#include <set>

#include "control.h"

namespace {

enum Status {
  SUCCESS = 0,
  NOT_INITIALIZED = 1,
  INVALID_VALUE = 7,
  EXECUTION_FAILED = 13,
  NOT_SUPPORTED = 15,
};

enum Type { F32 = 0, F16 = 2, BF16 = 14 };
enum Compute { COMPUTE_32F = 68, COMPUTE_32F_PEDANTIC = 69 };

struct Handle {
  CUstream stream = nullptr;
  int mathMode = 0;
};

struct Handles {
  std::mutex mutex;
  std::set<Handle *> live;
};

Handles &handles() {
  static auto *all = new Handles;
  return *all;
}

bool isLive(Handle *handle) {
  std::lock_guard lock(handles().mutex);
  return handles().live.count(handle) != 0;
}

size_t bytesOf(int type) { return type == F32 ? 4 : 2; }

float fromF16(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof value);
  return static_cast<float>(value);
}

float load(const void *base, size_t index, int type) {
  uint32_t word = 0;
  memcpy(&word, static_cast<const char *>(base) + index * bytesOf(type), bytesOf(type));
  if (type == F16) return fromF16(static_cast<uint16_t>(word));
  if (type == BF16) word <<= 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

// A column-major matrix as it is read: element (row, column) of the transpose, if transposed.
struct Operand {
  const void *start;
  int type;
  bool transposed;
  size_t leading;

  float at(size_t row, size_t column) const {
    return load(start, transposed ? column + row * leading : row + column * leading, type);
  }
};

struct Product {
  int rows, columns, inner;
  float alpha, beta;
  Operand a, b;
  float *c;
  size_t leading;

  void compute() const {
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        float sum = 0;
        for (int k = 0; k < inner; k++) sum += a.at(row, k) * b.at(k, column);
        float &out = c[row + column * leading];
        // As cuBLAS does, with beta 0 what was there isn't read, be it NaN.
        out = beta == 0 ? alpha * sum : alpha * sum + beta * out;
      }
    }
  }
};

PretendMemory extent(const void *start, int rows, int columns, size_t leading, int type) {
  return {reinterpret_cast<CUdeviceptr>(start), (leading * (columns - 1) + rows) * bytesOf(type)};
}

}  // namespace

#define PRETEND_CUBLAS extern "C" PRETEND_EXPORT int

PRETEND_CUBLAS cublasCreate_v2(Handle **handle) {
  *handle = new Handle;
  std::lock_guard lock(handles().mutex);
  handles().live.insert(*handle);
  pretendCountCublas(1);
  return SUCCESS;
}

PRETEND_CUBLAS cublasDestroy_v2(Handle *handle) {
  std::lock_guard lock(handles().mutex);
  if (handles().live.erase(handle) == 0) return NOT_INITIALIZED;
  pretendCountCublas(-1);
  delete handle;
  return SUCCESS;
}

PRETEND_CUBLAS cublasSetStream_v2(Handle *handle, CUstream stream) {
  if (!isLive(handle)) return NOT_INITIALIZED;
  handle->stream = stream;
  return SUCCESS;
}

PRETEND_CUBLAS cublasSetMathMode(Handle *handle, int mode) {
  if (!isLive(handle)) return NOT_INITIALIZED;
  handle->mathMode = mode;
  return SUCCESS;
}

PRETEND_CUBLAS cublasSetWorkspace_v2(Handle *handle, void *, size_t) { return isLive(handle) ? SUCCESS : NOT_INITIALIZED; }

PRETEND_CUBLAS cublasSetPointerMode_v2(Handle *handle, int mode) {
  if (!isLive(handle)) return NOT_INITIALIZED;
  return mode == 0 ? SUCCESS : NOT_SUPPORTED;
}

// Of a type: major version, minor version, patch level.
PRETEND_CUBLAS cublasGetProperty(int type, int *value) {
  static constexpr int VERSION[] = {12, 0, 0};
  if (type < 0 || type > 2 || !value) return INVALID_VALUE;
  *value = VERSION[type];
  return SUCCESS;
}

PRETEND_CUBLAS cublasGetVersion_v2(Handle *, int *version) {
  *version = 120000;
  return SUCCESS;
}

PRETEND_CUBLAS cublasGemmEx(Handle *handle, int transposeA, int transposeB, int rows, int columns, int inner,
                            const void *alpha, const void *a, int typeA, int leadingA, const void *b, int typeB,
                            int leadingB, const void *beta, void *c, int typeC, int leadingC, int compute, int) {
  if (!isLive(handle)) return NOT_INITIALIZED;
  const bool types = typeA == typeB && (typeA == F32 || typeA == F16 || typeA == BF16) && typeC == F32;
  if (!types || (compute != COMPUTE_32F && compute != COMPUTE_32F_PEDANTIC)) return NOT_SUPPORTED;
  if (transposeA < 0 || transposeA > 1 || transposeB < 0 || transposeB > 1) return INVALID_VALUE;
  const int rowsA = transposeA ? inner : rows, rowsB = transposeB ? columns : inner;
  if (rows < 0 || columns < 0 || inner < 0 || leadingA < std::max(1, rowsA) || leadingB < std::max(1, rowsB) ||
      leadingC < std::max(1, rows)) {
    return INVALID_VALUE;
  }
  if (rows == 0 || columns == 0) return SUCCESS;
  auto product = std::make_unique<Product>();
  *product = {rows, columns, inner, *static_cast<const float *>(alpha), *static_cast<const float *>(beta),
              {a, typeA, transposeA != 0, static_cast<size_t>(leadingA)},
              {b, typeB, transposeB != 0, static_cast<size_t>(leadingB)},
              static_cast<float *>(c), static_cast<size_t>(leadingC)};
  const PretendMemory touched[] = {
      extent(c, rows, columns, leadingC, typeC),
      extent(a, rowsA, transposeA ? rows : inner, leadingA, typeA),
      extent(b, rowsB, transposeB ? inner : columns, leadingB, typeB),
  };
  const auto work = [](void *argument) {
    const std::unique_ptr<Product> owned(static_cast<Product *>(argument));
    owned->compute();
  };
  const CUresult result = pretendEnqueue(handle->stream, "cublasGemmEx", touched, inner == 0 ? 1 : 3, work, product.get());
  if (result != CUDA_SUCCESS) return EXECUTION_FAILED;
  product.release();
  return SUCCESS;
}

PRETEND_CUBLAS cublasSgemm_v2(Handle *handle, int transposeA, int transposeB, int rows, int columns, int inner,
                              const float *alpha, const float *a, int leadingA, const float *b, int leadingB,
                              const float *beta, float *c, int leadingC) {
  return cublasGemmEx(handle, transposeA, transposeB, rows, columns, inner, alpha, a, F32, leadingA, b, F32, leadingB,
                      beta, c, F32, leadingC, COMPUTE_32F, -1);
}
