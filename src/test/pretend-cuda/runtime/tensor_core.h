// What tensor cores make of a sum.
#pragma once

#include "thread.h"

namespace pretend {

// Factors of 16 bits as float32.
struct Tile {
  float a[16][16], b[16][8], d[16][8];
};

// d += a b over the first k of a's columns, of a type whose smallest normal number is given, with the bits of the device on
// which this thread runs.
PRETEND_EXPORT void multiplyTile(Tile &tile, int k, double leastNormal);

}  // namespace pretend
