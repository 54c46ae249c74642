// Copies and fills. Host memory is read and written only when the work is done, not when it is queued.
#include <algorithm>
#include <cstring>

#include "driver.h"

using namespace pretend;

namespace {

constexpr size_t MAXIMUM_PITCH = 0x7fffffff;

struct Rows {
  uintptr_t start;
  size_t pitch;
  bool device;
};

// One side of a copy: where its first row starts.
Rows side(CUmemorytype type, const void *host, CUdeviceptr device, size_t x, size_t y, size_t pitch) {
  if (type != CU_MEMORYTYPE_HOST && type != CU_MEMORYTYPE_DEVICE) {
    fail(CUDA_ERROR_INVALID_VALUE, "a copy of memory type %u", type);
  }
  const bool onDevice = type == CU_MEMORYTYPE_DEVICE;
  const uintptr_t base = onDevice ? device : reinterpret_cast<uintptr_t>(host);
  return {base + y * pitch + x, pitch, onDevice};
}

void check(const Driver &driver, const Context &context, const Rows &rows, size_t width, size_t height, size_t x) {
  if (rows.start == 0) fail(CUDA_ERROR_INVALID_VALUE, "a copy of null");
  if (height > 1 && rows.pitch < width + x) fail(CUDA_ERROR_INVALID_VALUE, "rows of %zu bytes every %zu", width, rows.pitch);
  if (rows.pitch > MAXIMUM_PITCH) fail(CUDA_ERROR_INVALID_VALUE, "a pitch of %zu bytes", rows.pitch);
  if (rows.device) driver.requireAllocated(context, rows.start, (height - 1) * rows.pitch + width);
}

// Takes a copy down that was just queued, if it crosses the bus.
void count(Driver &driver, Context &context, const Rows &from, const Rows &to, size_t bytes, CUstream stream) {
  if (from.device == to.device) return;
  const uint64_t id = driver.stream(context, stream)->id;
  driver.traffic.copied(id, to.device ? Way::UP : Way::DOWN, bytes, driver.isPinned((to.device ? from : to).start));
}

CUresult copyRows(const char *name, const CUDA_MEMCPY2D *copy, CUstream stream) {
  return callInContext(name, [&](Driver &driver, Context &context, auto &lock) {
    const size_t width = copy->WidthInBytes, height = copy->Height;
    const Rows from = side(copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcXInBytes, copy->srcY, copy->srcPitch);
    const Rows to = side(copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstXInBytes, copy->dstY, copy->dstPitch);
    if (width == 0 || height == 0) return;
    check(driver, context, from, width, height, copy->srcXInBytes);
    check(driver, context, to, width, height, copy->dstXInBytes);
    driver.enqueue(lock, context, stream, [=] {
      for (size_t row = 0; row < height; row++) {
        memcpy(reinterpret_cast<void *>(to.start + row * to.pitch),
               reinterpret_cast<const void *>(from.start + row * from.pitch), width);
      }
    });
    count(driver, context, from, to, width * height, stream);
  });
}

CUresult copyBytes(const char *name, Rows from, Rows to, size_t bytes, CUstream stream) {
  return callInContext(name, [&](Driver &driver, Context &context, auto &lock) {
    if (bytes == 0) return;
    check(driver, context, from, bytes, 1, 0);
    check(driver, context, to, bytes, 1, 0);
    driver.enqueue(lock, context, stream, [=] {
      memmove(reinterpret_cast<void *>(to.start), reinterpret_cast<const void *>(from.start), bytes);
    });
    count(driver, context, from, to, bytes, stream);
  });
}

Rows onHost(const void *memory) { return {reinterpret_cast<uintptr_t>(memory), 0, false}; }
Rows onDevice(CUdeviceptr memory) { return {static_cast<uintptr_t>(memory), 0, true}; }

template <class T>
CUresult set(const char *name, CUdeviceptr memory, T value, size_t count, CUstream stream) {
  return callInContext(name, [&](Driver &driver, Context &context, auto &lock) {
    if (count == 0) return;
    if (memory % sizeof(T) != 0) fail(CUDA_ERROR_INVALID_VALUE, "%#llx is no multiple of %zu", memory, sizeof(T));
    driver.requireAllocated(context, memory, count * sizeof(T));
    driver.enqueue(lock, context, stream, [=] { std::fill_n(reinterpret_cast<T *>(memory), count, value); });
  });
}

}  // namespace

PRETEND_API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  return copyBytes("cuMemcpyHtoDAsync", onHost(from), onDevice(to), bytes, stream);
}

PRETEND_API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copyBytes("cuMemcpyDtoHAsync", onDevice(from), onHost(to), bytes, stream);
}

PRETEND_API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copyBytes("cuMemcpyDtoDAsync", onDevice(from), onDevice(to), bytes, stream);
}

PRETEND_API cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  return copyBytes("cuMemcpyHtoD", onHost(from), onDevice(to), bytes, nullptr);
}

PRETEND_API cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return copyBytes("cuMemcpyDtoH", onDevice(from), onHost(to), bytes, nullptr);
}

PRETEND_API cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream) {
  return copyRows("cuMemcpy2DAsync", copy, stream);
}

PRETEND_API cuMemcpy2D_v2(const CUDA_MEMCPY2D *copy) { return copyRows("cuMemcpy2D", copy, nullptr); }

PRETEND_API cuMemsetD8Async(CUdeviceptr memory, unsigned char value, size_t count, CUstream stream) {
  return set("cuMemsetD8Async", memory, value, count, stream);
}

PRETEND_API cuMemsetD32Async(CUdeviceptr memory, unsigned value, size_t count, CUstream stream) {
  return set("cuMemsetD32Async", memory, value, count, stream);
}

PRETEND_API cuMemsetD8_v2(CUdeviceptr memory, unsigned char value, size_t count) {
  return set("cuMemsetD8", memory, value, count, nullptr);
}

PRETEND_API cuMemsetD32_v2(CUdeviceptr memory, unsigned value, size_t count) {
  return set("cuMemsetD32", memory, value, count, nullptr);
}
