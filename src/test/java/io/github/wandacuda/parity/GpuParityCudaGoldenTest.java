package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.GoldenSelection;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaGoldenTest extends GoldenSelection {
  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = Gpu.CUDA.open();
  }

  @AfterAll
  static void close() {
    if (backend != null) {
      backend.close();
    }
  }

  @Override
  protected Map<String, Selector> selectors() {
    return Map.of(backend.name(), backend.selector());
  }
}
