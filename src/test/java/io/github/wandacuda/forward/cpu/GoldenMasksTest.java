package io.github.wandacuda.forward.cpu;

import io.github.wandacuda.select.Selector;
import io.github.wandacuda.select.reference.AllKernels;
import io.github.wandacuda.testing.selection.GoldenSelection;
import java.util.Map;

/** Every implementation at every vector shape. */
class GoldenMasksTest extends GoldenSelection {
  @Override
  protected Map<String, Selector> selectors() {
    return AllKernels.selectors();
  }
}
