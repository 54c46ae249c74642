// What tests call beside the driver's API.
#pragma once

#include "api.h"

extern "C" {

// Forgets everything: settings are the environment's again, nothing is retained, allocated, counted or about to fail.
// Only for when no work is queued.
PRETEND_EXPORT void pretendReset();

PRETEND_EXPORT void pretendSetDevices(int count);
PRETEND_EXPORT void pretendSetCapability(int capability);
PRETEND_EXPORT void pretendSetDriverVersion(int version);
PRETEND_EXPORT void pretendSetMultiprocessors(int count);
PRETEND_EXPORT void pretendSetMemory(long bytes);
PRETEND_EXPORT void pretendSetMode(int mode);
PRETEND_EXPORT void pretendSetHostThreads(int threads);

// 0: threads and blocks take turns in order, 1: in reverse, 2: shuffled by the seed, which changes with each launch.
PRETEND_EXPORT void pretendSetOrder(int order, long seed);

// Whether queued work waits until somebody waits for it.
PRETEND_EXPORT void pretendSetDeferred(int deferred);

// How many streams there are before those that are created do all work when it is queued, before the call returns.
PRETEND_EXPORT void pretendSetEagerAfter(int streams);

// Makes the call of this name (without _v2) fail at its after-th time from now on; 0: never, -1: each time. With an error that
// lasts a launch fails when it is run, as on a device, and all calls fail alike until the context is gone.
PRETEND_EXPORT void pretendFail(const char *name, long after, int result);

// Takes kernels from a directory's libraries; null: no more, see kernel.h. A reset doesn't change it.
PRETEND_EXPORT void pretendReplaceKernels(const char *directory);

// How many were not given back: buffers, bufferBytes, pinned, streams, events, modules, contexts, cublasHandles.
PRETEND_EXPORT long pretendOutstanding(const char *kind);

// How often a kernel was launched; null: all of them.
PRETEND_EXPORT long pretendLaunches(const char *kernel);

// How many kernels were launched on a device.
PRETEND_EXPORT long pretendLaunchesOn(int device);

// How often a call of this name (without _v2) was made.
PRETEND_EXPORT long pretendCalls(const char *name);

// Takes down from now on what crosses the bus, until the next reset.
PRETEND_EXPORT void pretendTraffic();

// A sum of what was taken down, see traffic.h.
PRETEND_EXPORT long pretendTrafficSum(const char *what);

// For libraries on top of the driver: queues work on a stream, after a check of the memory that it touches.
struct PretendMemory {
  CUdeviceptr start;
  size_t bytes;
};
PRETEND_EXPORT CUresult pretendEnqueue(CUstream stream, const char *name, const PretendMemory *touched, int count,
                                       void (*work)(void *), void *argument);
PRETEND_EXPORT void pretendCountCublas(int change);

}
