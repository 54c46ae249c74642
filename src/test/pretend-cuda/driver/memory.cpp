// Device memory, which is host memory that only kernels and copies may touch, and pinned memory.
#include <cstdlib>
#include <cstring>

#include "driver.h"

using namespace pretend;

namespace {

constexpr size_t ALIGNMENT = 512;
constexpr int GARBAGE = 0xcb, CANARY = 0xd5;

// Bytes behind a buffer that nobody may write to. None where a sanitizer watches over the end.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t CANARY_BYTES = 0;
#else
constexpr size_t CANARY_BYTES = 256;
#endif

void *allocate(size_t alignment, size_t bytes) {
  void *memory;
  if (posix_memalign(&memory, alignment, bytes + CANARY_BYTES) != 0) throw Failure{CUDA_ERROR_OUT_OF_MEMORY};
  memset(memory, GARBAGE, bytes);
  memset(static_cast<char *>(memory) + bytes, CANARY, CANARY_BYTES);
  return memory;
}

void checkEnd(uintptr_t start, size_t bytes) {
  const auto *end = reinterpret_cast<const unsigned char *>(start + bytes);
  for (size_t i = 0; i < CANARY_BYTES; i++) {
    if (end[i] != CANARY) refuse("somebody wrote to byte %zu of a buffer of %zu bytes", bytes + i, bytes);
  }
}

CUresult allocatePinned(const char *name, void **memory, size_t bytes) {
  return callInContext(name, [&](Driver &driver, Context &, auto &) {
    require(bytes > 0, CUDA_ERROR_INVALID_VALUE);
    *memory = allocate(4096, bytes);
    driver.pinned[reinterpret_cast<uintptr_t>(*memory)] = bytes;
    driver.counts.pinned++;
  });
}

}  // namespace

PRETEND_API cuMemGetInfo_v2(size_t *available, size_t *total) {
  return callInContext("cuMemGetInfo", [&](Driver &driver, Context &context, auto &) {
    *total = driver.settings.memoryBytes;
    *available = driver.freeBytes(context.device);
  });
}

PRETEND_API cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  return callToCreate("cuMemAlloc", [&](Driver &driver, Context &context, auto &) {
    require(bytes > 0, CUDA_ERROR_INVALID_VALUE);
    const uint64_t piece = driver.pieceFor(context, bytes);
    const auto start = reinterpret_cast<uintptr_t>(allocate(ALIGNMENT, bytes));
    driver.allocations[start] = {bytes, &context, piece};
    driver.counts.buffers++;
    driver.counts.bufferBytes += bytes;
    *pointer = start;
  });
}

PRETEND_API cuMemFree_v2(CUdeviceptr pointer) {
  return callToRelease("cuMemFree", [&](Driver &driver, Context &context, auto &lock) {
    if (pointer == 0) return;
    driver.drain(lock, context);
    const auto found = driver.allocations.find(pointer);
    if (found == driver.allocations.end()) fail(CUDA_ERROR_INVALID_VALUE, "no buffer at %#llx to free", pointer);
    if (found->second.context != &context) fail(CUDA_ERROR_INVALID_VALUE, "freed in another context");
    checkEnd(pointer, found->second.bytes);
    driver.counts.buffers--;
    driver.counts.bufferBytes -= found->second.bytes;
    driver.allocations.erase(found);
    free(reinterpret_cast<void *>(pointer));
  });
}

PRETEND_API cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  return allocatePinned("cuMemHostAlloc", memory, bytes);
}

PRETEND_API cuMemAllocHost_v2(void **memory, size_t bytes) {
  return allocatePinned("cuMemAllocHost", memory, bytes);
}

PRETEND_API cuMemFreeHost(void *memory) {
  return callToRelease("cuMemFreeHost", [&](Driver &driver, Context &context, auto &lock) {
    driver.drain(lock, context);
    const auto found = driver.pinned.find(reinterpret_cast<uintptr_t>(memory));
    if (found == driver.pinned.end()) fail(CUDA_ERROR_INVALID_VALUE, "no pinned memory at %p to free", memory);
    checkEnd(found->first, found->second);
    driver.counts.pinned--;
    driver.pinned.erase(found);
    free(memory);
  });
}

// Of an address that isn't known all attributes are 0, and the call succeeds.
PRETEND_API cuPointerGetAttributes(unsigned count, int *attributes, void **values, CUdeviceptr pointer) {
  return callInContext("cuPointerGetAttributes", [&](Driver &driver, Context &, auto &) {
    const auto *found = driver.allocationAt(pointer);
    const bool pinned = driver.isPinned(pointer);
    for (unsigned i = 0; i < count; i++) {
      switch (attributes[i]) {
        case 1: *static_cast<Context **>(values[i]) = found ? found->second.context : nullptr; break;
        case 2: *static_cast<unsigned *>(values[i]) = found ? CU_MEMORYTYPE_DEVICE : pinned ? CU_MEMORYTYPE_HOST : 0; break;
        case 9: *static_cast<int *>(values[i]) = found ? found->second.context->device : 0; break;
        case 11: *static_cast<CUdeviceptr *>(values[i]) = found ? found->first : 0; break;
        case 12: *static_cast<size_t *>(values[i]) = found ? found->second.bytes : 0; break;
        default: fail(CUDA_ERROR_INVALID_VALUE, "pointer attribute %d", attributes[i]);
      }
    }
  });
}
