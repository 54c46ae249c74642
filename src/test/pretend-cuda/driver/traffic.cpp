#include "traffic.h"

#include <algorithm>

namespace pretend {
namespace {

void merge(Clock &into, const Clock &other) {
  for (const auto &[stream, number] : other) into[stream] = std::max(into[stream], number);
}

}  // namespace

void Traffic::begin() {
  reset();
  taking = true;
}

void Traffic::queued(uint64_t stream, uint64_t number) {
  if (!taking) return;
  Clock &clock = streams[stream];
  merge(clock, host);
  clock[stream] = number;
}

Clock Traffic::clockOf(uint64_t stream) const {
  const auto found = streams.find(stream);
  return found == streams.end() ? Clock() : found->second;
}

void Traffic::ordered(uint64_t stream, const Clock &before) {
  if (taking) merge(streams[stream], before);
}

void Traffic::awaited(const Clock &before) { merge(host, before); }

void Traffic::copied(uint64_t stream, Way way, size_t bytes, bool pinned) {
  if (taking) copies.push_back({{stream, clockOf(stream)}, way, bytes, pinned});
}

void Traffic::launched(uint64_t stream) {
  if (taking) kernels.push_back({stream, clockOf(stream)});
}

bool Traffic::Work::before(const Work &other) const {
  const auto known = other.clock.find(stream);
  return known != other.clock.end() && known->second >= clock.at(stream);
}

bool Traffic::overlaps(const Copy &copy) const {
  return copy.pinned && std::any_of(kernels.begin(), kernels.end(), [&](const Work &kernel) {
    return !kernel.before(copy.work) && !copy.work.before(kernel);
  });
}

long Traffic::sum(const std::string &what) const {
  long sum = 0;
  for (const Copy &copy : copies) {
    const bool up = copy.way == Way::UP;
    const bool counts = what == "upBytes"          ? up
                        : what == "downBytes"      ? !up
                        : what == "pageableBytes"  ? !copy.pinned
                        : what == "upOverlapped"   ? up && overlaps(copy)
                        : what == "downOverlapped" ? !up && overlaps(copy)
                                                   : false;
    if (counts) sum += copy.bytes;
  }
  return sum;
}

}  // namespace pretend
