// Runs the threads of a block as fibers of one host thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fiber.h"
#include "kernel.h"
#include "launch.h"
#include "thread.h"

namespace pretend {

// A block's thread: runs until it waits for others or ends.
struct BlockThread : Thread {
  enum class State { READY, AT_BARRIER, IN_WARP, ENDED };
  Fiber fiber;
  State state;
  const char *name;  // of the warp intrinsic that it waits in, with its mask, meeting, payload and place
  unsigned mask;
  Meeting meeting;
  void *payload;
  Place place;
  std::vector<Copy> copies;        // that were started and not waited for
  std::vector<size_t> copyGroups;  // where in copies each committed group ends
};

class Block {
 public:
  explicit Block(const Launch &launch);
  ~Block();
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;

  // Runs one block of the grid from start to end and returns how many barriers it passed.
  unsigned run(const Index &index);

  int waitAtBarrier(Vote vote, int value);
  void waitInWarp(const char *name, unsigned mask, Meeting meeting, void *payload, Place place);

  // Whether 16 bytes from here on are shared memory.
  bool isShared(const void *address) const;

  const char *kernelName() const { return launch.kernel->name.c_str(); }

  // The block that runs on this host thread, or null.
  static Block *current();

 private:
  void startThreads(const Index &index);
  void dirtySharedMemory();
  void arrange();
  void runWarp(unsigned warp);
  void openBarrier();
  void leave();
  bool together(const BlockThread &a, const BlockThread &b) const;
  bool holdMeeting(unsigned warp, unsigned lane);
  unsigned lanes(unsigned warp) const;
  static void body(void *thread);
  [[noreturn]] void refuseDeadlock() const;
  static std::string describe(const BlockThread &waiting);

  const Launch &launch;
  unsigned count;
  std::vector<BlockThread> threads;
  std::vector<unsigned> warpOrder, laneOrder;
  // A warp's lanes: that can go on, that wait in a warp intrinsic, that haven't ended.
  std::vector<unsigned> ready, inWarp, alive;
  uint64_t random;
  char *stacks;
  void *dynamicShared;
  char *staticShared = nullptr;
  size_t staticSharedBytes = 0;
  Fiber scheduler;
  unsigned runs = 0, arrived = 0, ended = 0, openings = 0;
  // One opening's votes may still be read while the next one's come in.
  struct { unsigned yes = 0; } votes[2];
};

}  // namespace pretend
