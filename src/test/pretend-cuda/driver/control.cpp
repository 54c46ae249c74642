#include "control.h"

#include <cstdlib>

#include "driver.h"

using namespace pretend;

namespace {

template <class Change>
void change(Change body) {
  Driver &driver = Driver::instance();
  std::lock_guard lock(driver.mutex);
  body(driver);
}

}  // namespace

void pretendReset() {
  Driver &driver = Driver::instance();
  std::unique_lock lock(driver.mutex);
  for (Context *context : driver.allContexts()) driver.drain(lock, *context);
  for (const auto &[start, allocation] : driver.allocations) free(reinterpret_cast<void *>(start));
  for (const auto &[start, bytes] : driver.pinned) free(reinterpret_cast<void *>(start));
  driver.allocations.clear();
  driver.pinned.clear();
  // Contexts stay, since one may be current on some thread, but are as if they had never been retained.
  for (Context *context : driver.allContexts()) {
    context->retained = 0;
    context->error = CUDA_SUCCESS;
    context->claim.reset();
    context->streams.clear();
    context->events.clear();
    context->modules.clear();
  }
  driver.initialized = false;
  driver.faults.clear();
  driver.launches.clear();
  driver.launchesOn.clear();
  driver.calls.clear();
  driver.counts = Counts();
  driver.traffic.reset();
  driver.settings = Settings::fromEnvironment();
}

void pretendSetDevices(int count) {
  change([=](Driver &driver) { driver.settings.devices = count; });
}

void pretendSetCapability(int capability) {
  change([=](Driver &driver) { driver.settings.capability = capability; });
}

void pretendSetDriverVersion(int version) {
  change([=](Driver &driver) { driver.settings.driverVersion = version; });
}

void pretendSetMultiprocessors(int count) {
  change([=](Driver &driver) { driver.settings.multiprocessors = count; });
}

void pretendSetMemory(long bytes) {
  change([=](Driver &driver) { driver.settings.memoryBytes = bytes; });
}

void pretendSetMode(int mode) {
  change([=](Driver &driver) { driver.settings.computeMode = mode; });
}

void pretendSetHostThreads(int threads) {
  change([=](Driver &driver) { driver.settings.hostThreads = threads; });
}

void pretendSetOrder(int order, long seed) {
  change([=](Driver &driver) {
    driver.settings.order = static_cast<Order>(order);
    driver.settings.seed = seed;
  });
}

void pretendSetDeferred(int deferred) {
  change([=](Driver &driver) { driver.settings.deferred = deferred != 0; });
}

void pretendSetEagerAfter(int streams) {
  change([=](Driver &driver) { driver.settings.eagerAfter = streams; });
}

void pretendFail(const char *name, long after, int result) {
  change([=](Driver &driver) {
    driver.faults.erase(name);
    if (after != 0) driver.faults[name] = {after, static_cast<CUresult>(result)};
  });
}

void pretendReplaceKernels(const char *directory) { replaceKernels(directory); }

long pretendOutstanding(const char *kind) {
  long outstanding = -1;
  change([&](Driver &driver) {
    const Counts &counts = driver.counts;
    const std::map<std::string, long> all = {
        {"buffers", counts.buffers}, {"bufferBytes", counts.bufferBytes}, {"pinned", counts.pinned},
        {"streams", counts.streams}, {"events", counts.events},           {"modules", counts.modules},
        {"contexts", counts.contexts}, {"cublasHandles", counts.cublasHandles}};
    const auto found = all.find(kind);
    if (found != all.end()) outstanding = found->second;
  });
  return outstanding;
}

long pretendLaunches(const char *kernel) {
  long sum = 0;
  change([&](Driver &driver) {
    for (const auto &[name, count] : driver.launches) {
      if (!kernel || name == kernel) sum += count;
    }
  });
  return sum;
}

long pretendLaunchesOn(int device) {
  long launches = 0;
  change([&](Driver &driver) { launches = driver.launchesOn[device]; });
  return launches;
}

long pretendCalls(const char *name) {
  long calls = 0;
  change([&](Driver &driver) {
    const auto found = driver.calls.find(name);
    if (found != driver.calls.end()) calls = found->second;
  });
  return calls;
}

CUresult pretendEnqueue(CUstream stream, const char *name, const PretendMemory *touched, int count,
                        void (*work)(void *), void *argument) {
  return callInContext(name, [&](Driver &driver, Context &context, auto &lock) {
    for (int i = 0; i < count; i++) driver.requireAllocated(context, touched[i].start, touched[i].bytes);
    driver.launches[name]++;
    driver.launchesOn[context.device]++;
    driver.enqueue(lock, context, stream, [=] { work(argument); });
    driver.traffic.launched(driver.stream(context, stream)->id);
  });
}

void pretendTraffic() {
  change([](Driver &driver) { driver.traffic.begin(); });
}

long pretendTrafficSum(const char *what) {
  long sum = 0;
  change([&](Driver &driver) { sum = driver.traffic.sum(what); });
  return sum;
}

void pretendCountCublas(int by) {
  change([=](Driver &driver) { driver.counts.cublasHandles += by; });
}
