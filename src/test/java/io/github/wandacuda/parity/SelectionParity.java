package io.github.wandacuda.parity;

import io.github.wandacuda.testing.selection.GoldenSelection;
import io.github.wandacuda.testing.selection.MagnitudesProperties;
import io.github.wandacuda.testing.selection.SelectGroupsProperties;
import io.github.wandacuda.testing.selection.SelectRowsProperties;
import io.github.wandacuda.testing.selection.SelectThresholdProperties;
import java.util.List;
import net.jqwik.api.Example;

/** All of selection on a GPU, as a program opens it: on a real card where there is a driver. */
interface SelectionParity
    extends SelectRowsProperties,
        SelectGroupsProperties,
        SelectThresholdProperties,
        MagnitudesProperties {
  @Override
  default int smallMatrices() {
    return 200;
  }

  /** Masks of the original code. */
  @Example
  default void goldenMasks() {
    selectors()
        .values()
        .forEach(
            selector -> {
              GoldenSelection golden = new GoldenSelection(selector);
              List.of(50, 60, 70).forEach(golden::rowsOfTinyLlama);
              golden.groupsOfTinyLlama(2, 4);
              golden.groupsOfTinyLlama(4, 8);
              golden.magnitudesOfTinyLlama();
              GoldenSelection.FAMILIES.forEach(golden::rowsOfFixture);
            });
  }
}
