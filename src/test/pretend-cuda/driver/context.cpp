// Primary contexts, one for each device, counted; and others, for programs that make their own.
#include <cstdlib>

#include "driver.h"

using namespace pretend;

namespace {

CUcontext handleOf(Context *context) { return reinterpret_cast<CUcontext>(context); }

Context *contextOf(Driver &driver, CUcontext handle) {
  for (Context *each : driver.allContexts()) {
    if (handleOf(each) == handle) return each;
  }
  fail(CUDA_ERROR_INVALID_CONTEXT, "no context %p", static_cast<void *>(handle));
}

Context &primary(Driver &driver, CUdevice device) {
  require(device >= 0 && device < driver.settings.devices, CUDA_ERROR_INVALID_DEVICE);
  if (driver.contexts.size() <= static_cast<size_t>(device)) driver.contexts.resize(device + 1);
  auto &context = driver.contexts[device];
  if (!context) {
    context = std::make_unique<Context>();
    context->device = device;
  }
  return *context;
}

// Takes all that was made in a context with it.
void destroy(Driver &driver, std::unique_lock<std::mutex> &lock, Context &context) {
  driver.drain(lock, context);
  for (auto each = driver.allocations.begin(); each != driver.allocations.end();) {
    if (each->second.context == &context) {
      free(reinterpret_cast<void *>(each->first));
      each = driver.allocations.erase(each);
    } else {
      ++each;
    }
  }
  context.streams.clear();
  context.events.clear();
  context.modules.clear();
  context.error = CUDA_SUCCESS;
  context.claim.reset();
}

CUresult release(CUdevice device) {
  return call([&](Driver &driver, auto &lock) {
    Context &context = primary(driver, device);
    require(context.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
    driver.counts.contexts--;
    if (--context.retained == 0) destroy(driver, lock, context);
    return dueFault(driver, "cuDevicePrimaryCtxRelease");
  });
}

}  // namespace

PRETEND_API cuDevicePrimaryCtxRetain(CUcontext *handle, CUdevice device) {
  return call([&](Driver &driver, auto &) {
    const CUresult fault = dueFault(driver, "cuDevicePrimaryCtxRetain");
    require(fault == CUDA_SUCCESS, fault);
    Context &context = primary(driver, device);
    if (context.retained == 0) {
      driver.open(context);
    } else {
      context.retained++;
    }
    driver.counts.contexts++;
    *handle = handleOf(&context);
    return CUDA_SUCCESS;
  });
}

// Nobody waits here for long.
PRETEND_API cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned) { return CUDA_SUCCESS; }

PRETEND_API cuDevicePrimaryCtxRelease(CUdevice device) { return release(device); }
PRETEND_API cuDevicePrimaryCtxRelease_v2(CUdevice device) { return release(device); }

PRETEND_API cuCtxSetCurrent(CUcontext handle) {
  return call("cuCtxSetCurrent", [&](Driver &driver, auto &) {
    currentContext() = handle == nullptr ? nullptr : contextOf(driver, handle);
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuCtxGetCurrent(CUcontext *handle) {
  return call("cuCtxGetCurrent", [&](Driver &, auto &) {
    *handle = handleOf(currentContext());
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuCtxGetDevice(CUdevice *device) {
  return callInContext("cuCtxGetDevice", [&](Driver &, Context &context, auto &) { *device = context.device; });
}

PRETEND_API cuCtxSynchronize() {
  return callInContext("cuCtxSynchronize",
                       [](Driver &driver, Context &context, auto &lock) { driver.drain(lock, context); });
}

PRETEND_API cuCtxCreate_v2(CUcontext *handle, unsigned, CUdevice device) {
  return call("cuCtxCreate", [&](Driver &driver, auto &) {
    require(device >= 0 && device < driver.settings.devices, CUDA_ERROR_INVALID_DEVICE);
    auto context = std::make_unique<Context>();
    context->device = device;
    driver.open(*context);
    driver.counts.contexts++;
    currentContext() = context.get();
    *handle = handleOf(context.get());
    driver.created.push_back(std::move(context));
    return CUDA_SUCCESS;
  });
}

// The context stays, empty, since it may be current on some thread.
PRETEND_API cuCtxDestroy_v2(CUcontext handle) {
  return call("cuCtxDestroy", [&](Driver &driver, auto &lock) {
    Context *context = contextOf(driver, handle);
    require(context->retained == 1, CUDA_ERROR_INVALID_CONTEXT);
    context->retained = 0;
    driver.counts.contexts--;
    destroy(driver, lock, *context);
    return CUDA_SUCCESS;
  });
}
