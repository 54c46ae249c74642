// What a kernel's code sees of the runtime that runs its threads as fibers.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#define PRETEND_EXPORT __attribute__((__visibility__("default")))

namespace pretend {

struct Index {
  unsigned x = 1, y = 1, z = 1;
};

// One thread of a block.
struct Thread {
  Index threadIndex, blockIndex, blockShape, gridShape;
  unsigned linear;  // the thread's number within its block
  void *dynamicShared;
  int capability;  // compute capability of the device, times 10

  unsigned lane() const { return linear % 32; }
};

// The thread that runs now on this host thread.
extern PRETEND_EXPORT __thread Thread *thread __attribute__((__tls_model__("initial-exec")));

enum class Vote { NONE, ANY, ALL, COUNT };

// Waits until all threads of the block are here and combines what they bring.
PRETEND_EXPORT int barrier(Vote vote, int value);

// A barrier, unless the environment takes it away: PRETEND_CUDA_WITHOUT_BARRIER=select_rows.cuh:120.
PRETEND_EXPORT void barrierAt(const char *file, int line);

// What lanes that met do together: payloads has what each lane brought, null for a lane that isn't there.
using Meeting = void (*)(void *const payloads[32]);

// Where a kernel's source calls a warp intrinsic. From sm_70 on lanes go their own ways, and what they do together is one
// instruction: it isn't said what becomes of lanes that come to the same intrinsic in different places.
using Place = std::source_location;

// Waits until all lanes of the mask that haven't ended are here with the same mask, meeting and place; one of them holds it.
PRETEND_EXPORT void meet(const char *name, unsigned mask, Meeting meeting, void *payload, Place place);

// A copy of 16 bytes to shared memory, the first of them from global memory and the others zero.
struct Copy {
  void *shared;
  const void *global;
  int bytes;
};

// Copies when it is waited for and no sooner, so that a missing wait shows.
PRETEND_EXPORT void copyLater(const Copy &copy);
PRETEND_EXPORT void commitCopies();
PRETEND_EXPORT void awaitCopies(unsigned pendingGroups);

// Refuses an address that isn't in shared memory or isn't aligned.
PRETEND_EXPORT void requireShared(const void *address, unsigned alignment);

// Says what is wrong, with the thread that does it, and ends the process.
[[noreturn]] PRETEND_EXPORT void refuse(const char *format, ...) __attribute__((__format__(printf, 1, 2)));

}  // namespace pretend
