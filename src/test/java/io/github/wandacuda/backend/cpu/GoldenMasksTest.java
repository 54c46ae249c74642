package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.testing.selection.GoldenSelection;
import java.util.Map;

/** Every implementation at every vector shape. */
class GoldenMasksTest extends GoldenSelection {
  @Override
  protected Map<String, Selector> selectors() {
    return AllKernels.selectors();
  }
}
