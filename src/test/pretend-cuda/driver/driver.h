// The state of the pretended driver. All of it is guarded by one mutex, which no waiting holds.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "api.h"
#include "kernel.h"
#include "launch.h"
#include "ptx.h"
#include "resources.h"
#include "stream.h"
#include "traffic.h"

namespace pretend {

// A call that fails with a result.
struct Failure {
  CUresult result;
};

// What tests and the environment choose.
struct Settings {
  int devices = 1;
  int capability = 80;
  int driverVersion = 11080;
  int multiprocessors = 4;
  size_t memoryBytes = size_t{1} << 30;
  int computeMode = 0;  // one of device.h
  Order order = Order::FORWARD;
  uint64_t seed = 1;
  unsigned hostThreads = 2;
  bool deferred = false;
  long eagerAfter = std::numeric_limits<long>::max();
  bool launchesBlock = false;

  static Settings fromEnvironment();

  // What memory is given out in: 2 MiB as on GPUs, less of a device with little memory.
  size_t pieceBytes() const { return std::clamp<size_t>(std::bit_floor(memoryBytes / 512), 1, 2 << 20); }
  size_t inPieces(size_t bytes) const { return (bytes + pieceBytes() - 1) / pieceBytes() * pieceBytes(); }

  // What each context has of it from the start, as on GPUs: some 300 MB of 80 GB.
  size_t contextBytes() const { return inPieces(memoryBytes / 256); }
};

// A call that is going to fail.
struct Fault {
  long after;
  CUresult result;
};

std::map<std::string, Fault> faultsFromEnvironment();

struct Function {
  std::string name;
  const Kernel *kernel;
  PtxEntry entry;
  Resources resources;
  struct Module *module;
  size_t allowedShared = 0;  // dynamic bytes beyond the default, where they were asked for
};

struct Module {
  struct Context *context;
  Ptx ptx;
  int architecture;  // which of the kernels' variants it stands for
  std::map<std::string, std::unique_ptr<Function>> functions;
};

struct Event {
  std::shared_ptr<Stream> stream;  // null: never recorded
  uint64_t number = 0;
  Clock clock;
  bool timed = true;
  std::shared_ptr<std::atomic<int64_t>> nanoseconds;
};

// A device that no other process may have meanwhile.
struct Claim {
  int socket;
  ~Claim();
};

struct Context {
  int device;
  long retained = 0;
  std::shared_ptr<Claim> claim;  // of an exclusive device
  std::atomic<CUresult> error = CUDA_SUCCESS;  // what every later call returns
  std::map<CUstream, std::shared_ptr<Stream>> streams;
  std::shared_ptr<Stream> defaultStream = std::make_shared<Stream>();
  std::map<CUevent, std::unique_ptr<Event>> events;
  std::map<CUmodule, std::unique_ptr<Module>> modules;
};

struct Allocation {
  size_t bytes;
  Context *context;
  uint64_t piece;  // the one that it shares with others of the context; 0: it has pieces of its own
};

// How many of each there are that were not given back, also where a context took them with it.
struct Counts {
  long buffers = 0, bufferBytes = 0, pinned = 0, streams = 0, events = 0, modules = 0, contexts = 0, cublasHandles = 0;
};

struct Driver {
  std::mutex mutex;
  Settings settings = Settings::fromEnvironment();
  bool initialized = false;
  std::vector<std::unique_ptr<Context>> contexts;  // the primary ones, by device; null: not retained so far
  std::vector<std::unique_ptr<Context>> created;   // those that are nobody's primary one
  std::map<int, std::weak_ptr<Claim>> claims;      // by device
  std::map<uintptr_t, Allocation> allocations;
  std::map<uintptr_t, size_t> pinned;
  std::map<std::string, Fault> faults = faultsFromEnvironment();
  std::map<std::string, long> launches;
  std::map<int, long> launchesOn;  // by device
  std::map<std::string, long> calls;  // of those that can be made to fail
  Counts counts;
  Traffic traffic;
  uint64_t handles = 0;

  static Driver &instance();

  // A handle that was never given out before and is no address.
  template <class Handle>
  Handle newHandle() { return reinterpret_cast<Handle>(0x7000000000000000 + 16 * ++handles); }

  // Every context that there has been.
  std::vector<Context *> allContexts() const;

  size_t freeBytes(int device) const;

  // The piece with room for so many bytes that a context's small allocations share, a new one, or 0: many bytes have pieces of
  // their own. Fails where there is no memory.
  uint64_t pieceFor(const Context &context, size_t bytes) const;

  // Makes a context that nobody has: fails where there is no memory for it or another process has the device.
  void open(Context &context);

  // The allocation that an address is in, or null.
  const std::pair<const uintptr_t, Allocation> *allocationAt(uintptr_t address) const;

  bool isPinned(uintptr_t address) const;

  // Fails unless all the bytes are in one allocation of the context's device.
  void requireAllocated(const Context &context, uintptr_t start, size_t bytes) const;

  std::shared_ptr<Stream> stream(Context &context, CUstream handle);

  // Queues work that is left out after an error. On the default stream it comes after everything and is waited for.
  void enqueue(std::unique_lock<std::mutex> &lock, Context &context, CUstream handle, std::function<void()> work);

  // Waits for all of a context's streams, with the lock given back meanwhile.
  void drain(std::unique_lock<std::mutex> &lock, Context &context);
};

// The context that is current on this host thread.
Context *&currentContext();

// Prints what a strict driver wouldn't have and fails.
[[noreturn]] void fail(CUresult result, const char *format, ...) __attribute__((__format__(printf, 2, 3)));

void require(bool holds, CUresult otherwise);

// Whether every call in a context fails alike after this result, until the context is gone.
bool lasting(CUresult result);

// Fails if it is this call's turn to fail, as a test asked for. An error that lasts stays.
void failIfAsked(Driver &driver, const char *name);

// Returns the fault that is due for a call, or success.
CUresult dueFault(Driver &driver, const char *name);

// Runs what a call does: locked, after the checks that all calls have in common.
template <class Body>
CUresult call(Body body) {
  Driver &driver = Driver::instance();
  std::unique_lock lock(driver.mutex);
  try {
    require(driver.initialized, CUDA_ERROR_NOT_INITIALIZED);
    return body(driver, lock);
  } catch (const Failure &failure) {
    return failure.result;
  }
}

// A call that works without a context.
template <class Body>
CUresult call(const char *name, Body body) {
  return call([&](Driver &driver, std::unique_lock<std::mutex> &lock) {
    const CUresult fault = dueFault(driver, name);
    require(fault == CUDA_SUCCESS, fault);
    return body(driver, lock);
  });
}

// A call that gives something of the current context back, which also works after an error that stays. One that is to
// fail has done its work, as on a device, where it returns the error of earlier work.
template <class Body>
CUresult callToRelease(const char *name, Body body) {
  return call([&](Driver &driver, std::unique_lock<std::mutex> &lock) {
    Context *context = currentContext();
    require(context != nullptr && context->retained > 0, CUDA_ERROR_INVALID_CONTEXT);
    body(driver, *context, lock);
    const CUresult fault = dueFault(driver, name);
    if (lasting(fault) && context->error == CUDA_SUCCESS) context->error = fault;
    return context->error == CUDA_SUCCESS ? fault : context->error.load();
  });
}

// A call that works in the current context.
template <class Body>
CUresult callInContext(const char *name, Body body) {
  return call([&](Driver &driver, std::unique_lock<std::mutex> &lock) {
    Context *context = currentContext();
    require(context != nullptr && context->retained > 0, CUDA_ERROR_INVALID_CONTEXT);
    require(context->error == CUDA_SUCCESS, context->error);
    failIfAsked(driver, name);
    body(driver, *context, lock);
    return context->error.load();
  });
}

// A call that makes something in the current context. What it has made is granted: an error of earlier work comes with
// a later call, since JCuda hands on whatever was on its stack as the handle of a call that failed.
template <class Body>
CUresult callToCreate(const char *name, Body body) {
  bool made = false;
  const CUresult result = callInContext(name, [&](Driver &driver, Context &context, auto &lock) {
    body(driver, context, lock);
    made = true;
  });
  return made ? CUDA_SUCCESS : result;
}

}  // namespace pretend
