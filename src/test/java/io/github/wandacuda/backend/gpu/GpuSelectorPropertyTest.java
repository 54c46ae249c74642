package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.MagnitudesProperties;
import io.github.wandacuda.testing.selection.SelectGroupsProperties;
import io.github.wandacuda.testing.selection.SelectRowsProperties;
import io.github.wandacuda.testing.selection.SelectThresholdProperties;
import java.util.Map;

/** The host code in front of the kernels loses and mixes up nothing, whatever the tiles. */
class GpuSelectorPropertyTest
    implements SelectRowsProperties,
        SelectGroupsProperties,
        SelectThresholdProperties,
        MagnitudesProperties {
  private static Selector selector(long memory, long tileBytes) {
    HostDevice device = new HostDevice(memory);
    return new GpuSelector(device, new PinnedMemory(device), tileBytes);
  }

  @Override
  public Map<String, Selector> selectors() {
    return Map.of(
        "in one tile", selector(1L << 30, 1 << 20),
        "row by row", selector(1L << 30, 1),
        "short of memory", selector(Selector.LOWER_BINS * 4 + (200 << 10), 1 << 20));
  }

  @Override
  public int smallMatrices() {
    return 1000;
  }
}
