package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.MagnitudesProperties;
import io.github.wandacuda.testing.selection.SelectGroupsProperties;
import io.github.wandacuda.testing.selection.SelectRowsProperties;
import io.github.wandacuda.testing.selection.SelectThresholdProperties;
import java.util.Map;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** The host code in front of the kernels loses and mixes up nothing, whatever the tiles. */
@Tag("gpu")
@Tag("pretend")
class GpuSelectorPropertyTest
    implements SelectRowsProperties,
        SelectGroupsProperties,
        SelectThresholdProperties,
        MagnitudesProperties {
  private static GpuDevice device;
  private static GpuSelector tiles;
  private static GpuSelector byRow;

  @BeforeContainer
  static void open() {
    device = PretendedCuda.device(1 << 30);
    tiles = new GpuSelector(device, new PinnedMemory(device), 1000);
    byRow = new GpuSelector(device, new PinnedMemory(device), 1);
  }

  @AfterContainer
  static void close() {
    tiles.close();
    byRow.close();
    device.close();
  }

  @Override
  public Map<String, Selector> selectors() {
    return Map.of("some rows at a time", tiles, "row by row", byRow);
  }

  @Override
  public int smallMatrices() {
    return 200;
  }
}
