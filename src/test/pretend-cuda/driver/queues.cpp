// Streams and events.
#include <chrono>

#include "driver.h"

using namespace pretend;

namespace {

int64_t now() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

Event &eventOf(Context &context, CUevent handle) {
  const auto found = context.events.find(handle);
  if (found == context.events.end()) fail(CUDA_ERROR_INVALID_HANDLE, "no event %p of this context", (void *)handle);
  return *found->second;
}

CUresult createStream(CUstream *handle) {
  return callToCreate("cuStreamCreate", [&](Driver &driver, Context &context, auto &) {
    *handle = driver.newHandle<CUstream>();
    context.streams.emplace(*handle, std::make_shared<Stream>(driver.counts.streams >= driver.settings.eagerAfter));
    driver.counts.streams++;
  });
}

void awaitUnlocked(std::unique_lock<std::mutex> &lock, const std::shared_ptr<Stream> &stream, uint64_t number) {
  lock.unlock();
  stream->await(number);
  lock.lock();
}

// Fails until it is done, but brings it forward.
void requireDone(std::unique_lock<std::mutex> &lock, const std::shared_ptr<Stream> &stream, uint64_t number) {
  if (stream->done(number)) return;
  lock.unlock();
  stream->advance();
  lock.lock();
  throw Failure{CUDA_ERROR_NOT_READY};
}

}  // namespace

PRETEND_API cuStreamCreate(CUstream *handle, unsigned) { return createStream(handle); }
PRETEND_API cuStreamCreateWithPriority(CUstream *handle, unsigned, int) { return createStream(handle); }

PRETEND_API cuStreamDestroy_v2(CUstream handle) {
  return callToRelease("cuStreamDestroy", [&](Driver &driver, Context &context, auto &lock) {
    const std::shared_ptr<Stream> stream = driver.stream(context, handle);
    require(handle != nullptr, CUDA_ERROR_INVALID_HANDLE);
    awaitUnlocked(lock, stream, stream->last());
    driver.traffic.awaited(driver.traffic.clockOf(stream->id));
    context.streams.erase(handle);
    driver.counts.streams--;
  });
}

PRETEND_API cuStreamSynchronize(CUstream handle) {
  return callInContext("cuStreamSynchronize", [&](Driver &driver, Context &context, auto &lock) {
    const std::shared_ptr<Stream> stream = driver.stream(context, handle);
    const Clock clock = driver.traffic.clockOf(stream->id);
    awaitUnlocked(lock, stream, stream->last());
    driver.traffic.awaited(clock);
  });
}

PRETEND_API cuStreamQuery(CUstream handle) {
  return callInContext("cuStreamQuery", [&](Driver &driver, Context &context, auto &lock) {
    const std::shared_ptr<Stream> stream = driver.stream(context, handle);
    requireDone(lock, stream, stream->last());
  });
}

PRETEND_API cuStreamWaitEvent(CUstream handle, CUevent eventHandle, unsigned) {
  return callInContext("cuStreamWaitEvent", [&](Driver &driver, Context &context, auto &lock) {
    const Event &event = eventOf(context, eventHandle);
    const std::shared_ptr<Stream> awaited = event.stream, stream = driver.stream(context, handle);
    if (!awaited || awaited == stream) return;
    driver.traffic.ordered(stream->id, event.clock);
    driver.enqueue(lock, context, handle, [awaited, number = event.number] { awaited->await(number); });
  });
}

PRETEND_API cuEventCreate(CUevent *handle, unsigned flags) {
  return callToCreate("cuEventCreate", [&](Driver &driver, Context &context, auto &) {
    constexpr unsigned DISABLE_TIMING = 2;
    *handle = driver.newHandle<CUevent>();
    auto event = std::make_unique<Event>();
    event->timed = (flags & DISABLE_TIMING) == 0;
    context.events.emplace(*handle, std::move(event));
    driver.counts.events++;
  });
}

PRETEND_API cuEventDestroy_v2(CUevent handle) {
  return callToRelease("cuEventDestroy", [&](Driver &driver, Context &context, auto &) {
    eventOf(context, handle);
    context.events.erase(handle);
    driver.counts.events--;
  });
}

PRETEND_API cuEventRecord(CUevent handle, CUstream streamHandle) {
  return callInContext("cuEventRecord", [&](Driver &driver, Context &context, auto &lock) {
    Event &event = eventOf(context, handle);
    event.stream = driver.stream(context, streamHandle);
    event.nanoseconds = std::make_shared<std::atomic<int64_t>>();
    driver.enqueue(lock, context, streamHandle, [time = event.nanoseconds] { *time = now(); });
    event.number = event.stream->last();
    event.clock = driver.traffic.clockOf(event.stream->id);
  });
}

PRETEND_API cuEventSynchronize(CUevent handle) {
  return callInContext("cuEventSynchronize", [&](Driver &driver, Context &context, auto &lock) {
    const Event &event = eventOf(context, handle);
    const Clock clock = event.clock;
    if (event.stream) awaitUnlocked(lock, std::shared_ptr(event.stream), event.number);
    driver.traffic.awaited(clock);
  });
}

PRETEND_API cuEventQuery(CUevent handle) {
  return callInContext("cuEventQuery", [&](Driver &, Context &context, auto &lock) {
    const Event &event = eventOf(context, handle);
    if (event.stream) requireDone(lock, std::shared_ptr(event.stream), event.number);
  });
}

PRETEND_API cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to) {
  return callInContext("cuEventElapsedTime", [&](Driver &, Context &context, auto &) {
    const Event &first = eventOf(context, from), &second = eventOf(context, to);
    require(first.stream && second.stream && first.timed && second.timed, CUDA_ERROR_INVALID_HANDLE);
    require(first.stream->done(first.number) && second.stream->done(second.number), CUDA_ERROR_NOT_READY);
    *milliseconds = static_cast<float>((*second.nanoseconds - *first.nanoseconds) * 1e-6);
  });
}
