package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.selection.Select;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Lists the processor, opens it and prunes a row, in a JVM that was started in some way. */
final class SelectOnce {
  private SelectOnce() {}

  /** Prints the device and the row. */
  public static void main(String[] arguments) {
    BackendProvider provider = new CpuBackendProvider();
    System.out.println(provider.listing());
    try (Backend backend = provider.open(0, 1)) {
      float[] row = {1, 2, 3, 4};
      WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(row), DType.F32, 1, row.length);
      Select.once(backend.selector(), matrix, null, new LowestPerRow(2), matrix, null);
      System.out.println(Arrays.toString(row));
    }
  }
}
