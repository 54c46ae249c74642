#include <algorithm>
#include <atomic>
#include <thread>

#include "block.h"
#include "launch.h"

namespace pretend {
namespace {

// Blocks in the order of the launch. A shuffled one steps through them by a number that has no factor in common.
class Blocks {
 public:
  explicit Blocks(const Launch &launch)
      : launch(launch), count(uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z), step(1) {
    if (launch.order != Order::SHUFFLED) return;
    step = launch.seed % count | 1;
    while (std::__gcd(step, count) != 1) step += 2;
  }

  // Takes the next block; false when there is none left.
  bool take(Index &index) {
    const uint64_t turn = next.fetch_add(1);
    if (turn >= count) return false;
    uint64_t number = launch.order == Order::REVERSE ? count - 1 - turn : turn;
    if (launch.order == Order::SHUFFLED) number = static_cast<unsigned __int128>(turn) * step % count;
    const uint64_t x = launch.grid.x, y = launch.grid.y;
    index = {static_cast<unsigned>(number % x), static_cast<unsigned>(number / x % y),
             static_cast<unsigned>(number / (x * y))};
    return true;
  }

  uint64_t size() const { return count; }

 private:
  const Launch &launch;
  uint64_t count, step;
  std::atomic<uint64_t> next = 0;
};

// Returns how many barriers were passed.
uint64_t work(const Launch &launch, Blocks &blocks) {
  Index index;
  if (!blocks.take(index)) return 0;
  Block block(launch);
  uint64_t barriers = 0;
  do {
    barriers += block.run(index);
  } while (blocks.take(index));
  return barriers;
}

}  // namespace

uint64_t runGrid(const Launch &launch) {
  Blocks blocks(launch);
  std::atomic<uint64_t> barriers = 0;
  std::vector<std::thread> others;
  // A host thread's start costs as much as some blocks do.
  const uint64_t hostThreads = std::min<uint64_t>(launch.hostThreads, (blocks.size() + 7) / 8);
  for (uint64_t i = 1; i < hostThreads; i++) others.emplace_back([&] { barriers += work(launch, blocks); });
  barriers += work(launch, blocks);
  for (std::thread &other : others) other.join();
  return barriers;
}

}  // namespace pretend
