// What crosses the bus, and which of it may do so while kernels run: by what the calls order, not by what time it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pretend {

// Of each stream, by its number, how much of its work comes before.
using Clock = std::map<uint64_t, uint64_t>;

enum class Way { UP, DOWN };

class Traffic {
 public:
  // Forgets what there was, and takes down from now on.
  void begin();

  // Stops taking down, and forgets.
  void reset() { *this = Traffic(); }

  // Work was queued on a stream and got this number.
  void queued(uint64_t stream, uint64_t number);

  // Some of a stream's work, or all, is waited for by another one or by the host.
  Clock clockOf(uint64_t stream) const;
  void ordered(uint64_t stream, const Clock &before);
  void awaited(const Clock &before);

  // The last work queued on a stream is a copy over the bus, or a kernel.
  void copied(uint64_t stream, Way way, size_t bytes, bool pinned);
  void launched(uint64_t stream);

  // upBytes, downBytes, pageableBytes (of memory that isn't pinned), and upOverlapped, downOverlapped: bytes from or to
  // pinned memory for which there is a kernel that may run meanwhile.
  long sum(const std::string &what) const;

 private:
  struct Work {
    uint64_t stream;
    Clock clock;

    bool before(const Work &other) const;
  };

  struct Copy {
    Work work;
    Way way;
    size_t bytes;
    bool pinned;
  };

  bool overlaps(const Copy &copy) const;

  bool taking = false;
  Clock host;
  std::map<uint64_t, Clock> streams;
  std::vector<Copy> copies;
  std::vector<Work> kernels;
};

}  // namespace pretend
