#include "block.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "happens_before.h"
#include "shared.h"

namespace pretend {

// A host thread runs a block at a time. A barrier's threads leave it while others come to the next one.
static thread_local OrderPoint started, finished, barriers[2], warpBarriers[32];

__thread Thread *thread;

namespace {

constexpr size_t STACK_BYTES = 128 << 10;
constexpr unsigned MOST_THREADS = 1024;
__thread Block *running;

// Stacks of ended blocks, for the next ones: to map and clear fresh ones was most of the 30 % of CachedDecoderTest's time that
// the system took. ThreadSanitizer would take two launches on one stack for a race.
std::mutex stacksGuard;
std::vector<char *> &unusedStacks = *new std::vector<char *>;  // for threads that outlive static variables too

char *takeStacks(unsigned count) {
  if (!racesAreSeen()) {
    const std::lock_guard lock(stacksGuard);
    if (!unusedStacks.empty()) {
      char *stacks = unusedStacks.back();
      unusedStacks.pop_back();
      return stacks;
    }
  }
  void *stacks = mmap(nullptr, MOST_THREADS * STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED) refuse("no memory for the stacks of %u threads", count);
  return static_cast<char *>(stacks);
}

void giveBackStacks(char *stacks) {
  if (racesAreSeen()) {
    munmap(stacks, MOST_THREADS * STACK_BYTES);
  } else {
    const std::lock_guard lock(stacksGuard);
    unusedStacks.push_back(stacks);
  }
}

unsigned warpsOf(unsigned threads) { return (threads + 31) / 32; }

uint64_t nextRandom(uint64_t &state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

Block *Block::current() { return running; }

Block::Block(const Launch &launch)
    : launch(launch),
      count(launch.block.x * launch.block.y * launch.block.z),
      threads(count),
      warpOrder(warpsOf(count)),
      laneOrder(32),
      ready(warpsOf(count)),
      inWarp(warpsOf(count)),
      alive(warpsOf(count)),
      random(launch.seed * 0x9e3779b97f4a7c15 | 1) {
  stacks = takeStacks(count);
  // As tight as it gets, so that a sanitizer sees an access past the end.
  if (posix_memalign(&dynamicShared, 256, std::max<size_t>(launch.sharedBytes, 1)) != 0) abort();
  const SharedVariables shared = sharedVariables(*launch.kernel);
  staticShared = shared.start;
  staticSharedBytes = shared.bytes;
  if (racesAreSeen()) {
    for (auto &each : threads) each.fiber.seenAs = __tsan_create_fiber(0);
  }
  for (unsigned i = 0; i < warpOrder.size(); i++) warpOrder[i] = i;
  for (unsigned i = 0; i < 32; i++) laneOrder[i] = i;
  if (launch.order == Order::REVERSE) {
    std::reverse(warpOrder.begin(), warpOrder.end());
    std::reverse(laneOrder.begin(), laneOrder.end());
  }
}

Block::~Block() {
  if (racesAreSeen()) {
    for (auto &each : threads) __tsan_destroy_fiber(each.fiber.seenAs);
  }
  giveBackStacks(stacks);
  free(dynamicShared);
}

unsigned Block::run(const Index &index) {
  running = this;
  startThreads(index);
  dirtySharedMemory();
  if (racesAreSeen()) scheduler.seenAs = __tsan_get_current_fiber();
  started.release();
  while (ended < count) {
    arrange();
    for (unsigned warp : warpOrder) runWarp(warp);
    if (ended == count) break;
    if (arrived < count) refuseDeadlock();
    openBarrier();
  }
  finished.acquire();
  thread = nullptr;
  running = nullptr;
  return openings;
}

void Block::startThreads(const Index &index) {
  for (unsigned i = 0; i < count; i++) {
    BlockThread &each = threads[i];
    const Index &shape = launch.block;
    each.threadIndex = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    each.blockIndex = index;
    each.blockShape = shape;
    each.gridShape = launch.grid;
    each.linear = i;
    each.dynamicShared = dynamicShared;
    each.capability = launch.capability;
    each.state = BlockThread::State::READY;
    each.copies.clear();
    each.copyGroups.clear();
    // Stacks that start a few cache lines apart, not all in the same set of the cache.
    each.fiber.prepare(stacks + i * STACK_BYTES, STACK_BYTES - i % 61 * 64, &Block::body, &each);
  }
  for (unsigned warp = 0; warp < ready.size(); warp++) {
    ready[warp] = alive[warp] = lanes(warp);
    inWarp[warp] = 0;
  }
  arrived = ended = openings = 0;
  votes[0].yes = votes[1].yes = 0;
}

bool Block::isShared(const void *address) const {
  const auto within = [=](const void *start, size_t bytes) {
    const auto offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(start);
    return offset < bytes && offset + 16 <= bytes;
  };
  return within(dynamicShared, launch.sharedBytes) || within(staticShared, staticSharedBytes);
}

// Other garbage for every block, among it -1 and NaN.
void Block::dirtySharedMemory() {
  constexpr unsigned char GARBAGE[] = {0xff, 0xa5, 0x7f, 0x5a};
  const int value = GARBAGE[runs++ % sizeof GARBAGE];
  memset(dynamicShared, value, launch.sharedBytes);
  memset(staticShared, value, staticSharedBytes);
}

void Block::arrange() {
  if (launch.order != Order::SHUFFLED) return;
  const auto shuffle = [this](std::vector<unsigned> &order) {
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[nextRandom(random) % i]);
  };
  shuffle(warpOrder);
  shuffle(laneOrder);
}

unsigned Block::lanes(unsigned warp) const {
  const unsigned in = std::min(32u, count - warp * 32);
  return in == 32 ? 0xffffffff : (1u << in) - 1;
}

// Until each of its lanes has ended or waits for another warp.
void Block::runWarp(unsigned warp) {
  while (ready[warp] != 0) {
    for (unsigned lane : laneOrder) {
      if ((ready[warp] >> lane & 1) == 0) continue;
      BlockThread &next = threads[warp * 32 + lane];
      thread = &next;
      scheduler.switchTo(next.fiber);
    }
  }
}

__attribute__((__no_sanitize__("address"))) void Block::body(void *argument) {
  auto *self = static_cast<BlockThread *>(argument);
  Block *block = running;
  started.acquire();
  block->launch.kernel->call(block->launch.arguments);
  if (!self->copies.empty()) refuse("the thread ends with copies that it never waited for");
  self->state = BlockThread::State::ENDED;
  finished.release();
  block->ended++;
  const unsigned warp = self->linear / 32;
  block->ready[warp] &= ~(1u << self->lane());
  block->alive[warp] &= ~(1u << self->lane());
  // Lanes that wait for this one wait no more.
  for (unsigned lane = 0; lane < 32; lane++) {
    if (block->inWarp[warp] >> lane & 1) block->holdMeeting(warp, lane);
  }
  block->leave();
}

void Block::leave() {
  auto *self = static_cast<BlockThread *>(thread);
  self->fiber.switchTo(scheduler);
}

int Block::waitAtBarrier(Vote vote, int value) {
  auto *self = static_cast<BlockThread *>(thread);
  const unsigned opening = openings;
  auto &ours = votes[opening % 2];
  ours.yes += value != 0;
  arrived++;
  self->state = BlockThread::State::AT_BARRIER;
  ready[self->linear / 32] &= ~(1u << self->lane());
  OrderPoint &point = barriers[opening % 2];
  point.release();
  leave();
  point.acquire();
  switch (vote) {
    case Vote::ANY:
      return ours.yes != 0;
    case Vote::ALL:
      return ours.yes == count;
    case Vote::COUNT:
      return ours.yes;
    default:
      return 0;
  }
}

void Block::openBarrier() {
  arrived = 0;
  openings++;
  votes[openings % 2].yes = 0;
  for (BlockThread &each : threads) each.state = BlockThread::State::READY;
  for (unsigned warp = 0; warp < ready.size(); warp++) ready[warp] = lanes(warp);
}

void Block::waitInWarp(const char *name, unsigned mask, Meeting meeting, void *payload, Place place) {
  auto *self = static_cast<BlockThread *>(thread);
  const unsigned warp = self->linear / 32, lane = self->lane();
  if ((mask >> lane & 1) == 0) refuse("%s with the mask %08x, which leaves out the lane that calls", name, mask);
  self->name = name;
  self->mask = mask;
  self->meeting = meeting;
  self->payload = payload;
  self->place = place;
  self->state = BlockThread::State::IN_WARP;
  ready[warp] &= ~(1u << lane);
  inWarp[warp] |= 1u << lane;
  const bool orders = strcmp(name, "__syncwarp") == 0;
  if (orders) warpBarriers[warp].release();
  if (!holdMeeting(warp, lane)) leave();
  if (orders) warpBarriers[warp].acquire();
}

bool Block::together(const BlockThread &a, const BlockThread &b) const {
  const auto same = [](const char *one, const char *other) { return one == other || strcmp(one, other) == 0; };
  return a.mask == b.mask && a.meeting == b.meeting && same(a.name, b.name) && a.place.line() == b.place.line() &&
         a.place.column() == b.place.column() && same(a.place.function_name(), b.place.function_name());
}

// Holds the meeting that a lane waits for, if all that it names are there, and lets them go on.
bool Block::holdMeeting(unsigned warp, unsigned lane) {
  const BlockThread &caller = threads[warp * 32 + lane];
  const unsigned awaited = caller.mask & alive[warp];
  if ((awaited & ~inWarp[warp]) != 0) return false;
  void *payloads[32] = {};
  for (unsigned rest = awaited; rest != 0; rest &= rest - 1) {
    const unsigned other = std::countr_zero(rest);
    const BlockThread &named = threads[warp * 32 + other];
    if (!together(caller, named)) return false;
    payloads[other] = named.payload;
  }
  caller.meeting(payloads);
  for (unsigned rest = awaited; rest != 0; rest &= rest - 1) {
    threads[warp * 32 + std::countr_zero(rest)].state = BlockThread::State::READY;
  }
  ready[warp] |= awaited;
  inWarp[warp] &= ~awaited;
  return true;
}

std::string Block::describe(const BlockThread &waiting) {
  switch (waiting.state) {
    case BlockThread::State::AT_BARRIER:
      return "wait at __syncthreads";
    case BlockThread::State::ENDED:
      return "have ended";
    default: {
      char text[256];
      const std::string file = waiting.place.file_name();
      snprintf(text, sizeof text, "wait in %s with the mask %08x at %s:%u", waiting.name, waiting.mask,
               file.substr(file.rfind('/') + 1).c_str(), static_cast<unsigned>(waiting.place.line()));
      return text;
    }
  }
}

void Block::refuseDeadlock() const {
  std::map<std::string, std::vector<unsigned>> places;
  for (const BlockThread &each : threads) places[describe(each)].push_back(each.linear);
  std::string where;
  for (const auto &[place, waiting] : places) {
    where += "\n  " + std::to_string(waiting.size()) + " threads " + place + ":";
    for (size_t i = 0; i < std::min<size_t>(waiting.size(), 8); i++) where += " " + std::to_string(waiting[i]);
    if (waiting.size() > 8) where += " ...";
  }
  refuse("threads of a block wait for each other for ever:%s", where.c_str());
}

int barrier(Vote vote, int value) { return Block::current()->waitAtBarrier(vote, value); }

void barrierAt(const char *file, int line) {
  static const std::string without = [] {
    const char *place = getenv("PRETEND_CUDA_WITHOUT_BARRIER");
    return std::string(place == nullptr ? "" : place);
  }();
  static const int skipped = without.empty() ? 0 : atoi(without.c_str() + without.find(':') + 1);
  if (line == skipped && (std::string(file) + ":" + std::to_string(line)).ends_with("/" + without)) return;
  barrier(Vote::NONE, 0);
}

void meet(const char *name, unsigned mask, Meeting meeting, void *payload, Place place) {
  Block::current()->waitInWarp(name, mask, meeting, payload, place);
}

}  // namespace pretend
