package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.select.Selector;
import java.util.Map;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

@Tag("gpu")
@PropertyDefaults(shrinking = ShrinkingMode.BOUNDED)
class GpuParityOpenClSelectionTest implements SelectionParity {
  private static Backend backend;

  @BeforeContainer
  static void open() {
    backend = Gpu.OPENCL.open();
  }

  @AfterContainer
  static void close() {
    if (backend != null) {
      backend.close();
    }
  }

  @Override
  public Map<String, Selector> selectors() {
    return Map.of(backend.name(), backend.selector());
  }
}
