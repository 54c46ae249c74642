// The order in which a one-dimensional grid's blocks take the tiles of a matrix product: BAND rows of tiles at a time,
// column by column, so that the blocks that run together share few stretches of both inputs, which then come from L2.
#pragma once

#include "device.cuh"

struct TilePlace {
  int row;
  int column;
};

__device__ __forceinline__ TilePlace tilePlace(int tileRows, int tileColumns) {
  constexpr long long BAND = 8;
  const long long band = blockIdx.x / (BAND * tileColumns);
  const int inBand = static_cast<int>(blockIdx.x - band * BAND * tileColumns);
  const int bandRows = static_cast<int>(min(BAND, tileRows - band * BAND));
  return {static_cast<int>(band * BAND) + inBand % bandRows, inBand / bandRows};
}
