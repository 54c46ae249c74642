package io.github.wandacuda.forward.cpu;

import io.github.wandacuda.select.Selector;
import io.github.wandacuda.select.reference.AllKernels;
import io.github.wandacuda.testing.selection.SelectionProperties;
import java.util.Map;
import net.jqwik.api.PropertyDefaults;

/** Every implementation at every vector shape. */
@PropertyDefaults(tries = 200)
class SelectionPropertyTest extends SelectionProperties {
  @Override
  protected Map<String, Selector> selectors() {
    return AllKernels.selectors();
  }

  @Override
  protected int smallMatrices() {
    return 4000;
  }
}
