// Twins of CUDA's warp intrinsics. A lane brings a value and leaves with what the lanes together make of it.
#pragma once

#include "happens_before.h"

namespace pretend {

// What a value is that CUDA leaves undefined.
constexpr uint64_t UNDEFINED = 0xa5a5a5a5a5a5a5a5;

struct LaneValue {
  uint64_t value;
  unsigned source;  // the lane whose value a shuffle takes
  uint64_t result;
};

PRETEND_UNSEEN inline void shuffleMeeting(void *const payloads[32]) {
  for (int lane = 0; lane < 32; lane++) {
    if (auto *mine = static_cast<LaneValue *>(payloads[lane])) {
      const auto *theirs = static_cast<const LaneValue *>(payloads[mine->source]);
      mine->result = theirs ? theirs->value : UNDEFINED;
    }
  }
}

PRETEND_UNSEEN inline void ballotMeeting(void *const payloads[32]) {
  unsigned votes = 0;
  for (int lane = 0; lane < 32; lane++) {
    const auto *theirs = static_cast<const LaneValue *>(payloads[lane]);
    if (theirs && theirs->value) votes |= 1u << lane;
  }
  for (int lane = 0; lane < 32; lane++) {
    if (auto *mine = static_cast<LaneValue *>(payloads[lane])) mine->result = votes;
  }
}

PRETEND_UNSEEN inline void matchMeeting(void *const payloads[32]) {
  for (int lane = 0; lane < 32; lane++) {
    auto *mine = static_cast<LaneValue *>(payloads[lane]);
    if (!mine) continue;
    mine->result = 0;
    for (int other = 0; other < 32; other++) {
      const auto *theirs = static_cast<const LaneValue *>(payloads[other]);
      if (theirs && theirs->value == mine->value) mine->result |= 1u << other;
    }
  }
}

PRETEND_UNSEEN inline void sumMeeting(void *const payloads[32]) {
  unsigned sum = 0;
  for (int lane = 0; lane < 32; lane++) {
    if (const auto *theirs = static_cast<const LaneValue *>(payloads[lane])) sum += static_cast<unsigned>(theirs->value);
  }
  for (int lane = 0; lane < 32; lane++) {
    if (auto *mine = static_cast<LaneValue *>(payloads[lane])) mine->result = sum;
  }
}

PRETEND_UNSEEN inline void highestMeeting(void *const payloads[32]) {
  uint64_t highest = 0;
  for (int lane = 0; lane < 32; lane++) {
    if (const auto *theirs = static_cast<const LaneValue *>(payloads[lane])) highest = std::max(highest, theirs->value);
  }
  for (int lane = 0; lane < 32; lane++) {
    if (auto *mine = static_cast<LaneValue *>(payloads[lane])) mine->result = highest;
  }
}

PRETEND_UNSEEN inline void nothingMeeting(void *const[32]) {}

PRETEND_UNSEEN inline uint64_t meetWith(const char *name, unsigned mask, Meeting meeting, uint64_t value, unsigned source,
                                        Place place) {
  LaneValue payload{value, source, UNDEFINED};
  meet(name, mask, meeting, &payload, place);
  return payload.result;
}

template <class T>
T shuffle(const char *name, unsigned mask, T value, int source, Place place) {
  static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = meetWith(name, mask, shuffleMeeting, bits, source, place);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The first lane of this lane's segment.
inline int segment(int width) {
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) refuse("shuffle with a width of %d", width);
  return static_cast<int>(thread->lane()) & ~(width - 1);
}

}  // namespace pretend

// The last parameter of what lanes do together: where it is called.
#define PRETEND_PLACE pretend::Place place = pretend::Place::current()

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, PRETEND_PLACE) {
  return pretend::shuffle("__shfl_sync", mask, value, pretend::segment(width) + (source & (width - 1)), place);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PRETEND_PLACE) {
  const int lane = pretend::thread->lane(), source = lane - static_cast<int>(delta);
  return pretend::shuffle("__shfl_up_sync", mask, value, source < pretend::segment(width) ? lane : source, place);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PRETEND_PLACE) {
  const int lane = pretend::thread->lane(), source = lane + static_cast<int>(delta);
  return pretend::shuffle("__shfl_down_sync", mask, value, source >= pretend::segment(width) + width ? lane : source, place);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int laneMask, int width = 32, PRETEND_PLACE) {
  const int lane = pretend::thread->lane(), source = lane ^ laneMask;
  return pretend::shuffle("__shfl_xor_sync", mask, value, source >= pretend::segment(width) + width ? lane : source, place);
}

inline void __syncwarp(unsigned mask = 0xffffffff, PRETEND_PLACE) {
  pretend::meet("__syncwarp", mask, pretend::nothingMeeting, nullptr, place);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, PRETEND_PLACE) {
  return pretend::meetWith("__ballot_sync", mask, pretend::ballotMeeting, predicate != 0, 0, place);
}

inline int __any_sync(unsigned mask, int predicate, PRETEND_PLACE) {
  return pretend::meetWith("__any_sync", mask, pretend::ballotMeeting, predicate != 0, 0, place) != 0;
}

inline int __all_sync(unsigned mask, int predicate, PRETEND_PLACE) {
  return pretend::meetWith("__all_sync", mask, pretend::ballotMeeting, predicate == 0, 0, place) == 0;
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value, PRETEND_PLACE) {
  return pretend::meetWith("__reduce_add_sync", mask, pretend::sumMeeting, value, 0, place);
}

inline unsigned __reduce_max_sync(unsigned mask, unsigned value, PRETEND_PLACE) {
  return pretend::meetWith("__reduce_max_sync", mask, pretend::highestMeeting, value, 0, place);
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value, PRETEND_PLACE) {
  uint64_t bits = 0;
  static_assert(sizeof(T) <= sizeof bits);
  std::memcpy(&bits, &value, sizeof value);
  return pretend::meetWith("__match_any_sync", mask, pretend::matchMeeting, bits, 0, place);
}
