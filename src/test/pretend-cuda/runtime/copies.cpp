// Copies to shared memory that a thread starts and waits for in groups.
#include <cstring>

#include "block.h"
#include "happens_before.h"

namespace pretend {
namespace {

BlockThread &self() { return *static_cast<BlockThread *>(thread); }

void perform(const Copy &copy) {
  if (racesAreSeen()) {
    __tsan_write_range(copy.shared, 16);
    if (copy.bytes > 0) __tsan_read_range(const_cast<void *>(copy.global), copy.bytes);
  }
  memcpy(copy.shared, copy.global, copy.bytes);
  memset(static_cast<char *>(copy.shared) + copy.bytes, 0, 16 - copy.bytes);
}

}  // namespace

void copyLater(const Copy &copy) { self().copies.push_back(copy); }

void commitCopies() { self().copyGroups.push_back(self().copies.size()); }

void awaitCopies(unsigned pendingGroups) {
  std::vector<size_t> &groups = self().copyGroups;
  if (groups.size() <= pendingGroups) return;
  const size_t done = groups.size() - pendingGroups, end = groups[done - 1];
  std::vector<Copy> &copies = self().copies;
  for (size_t i = 0; i < end; i++) perform(copies[i]);
  copies.erase(copies.begin(), copies.begin() + end);
  groups.erase(groups.begin(), groups.begin() + done);
  for (size_t &group : groups) group -= end;
}

void requireShared(const void *address, unsigned alignment) {
  if (!Block::current()->isShared(address)) refuse("%p is not in shared memory", address);
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) refuse("%p is no multiple of %u", address, alignment);
}

}  // namespace pretend
