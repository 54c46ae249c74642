package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assumptions.assumeThat;

/** The library, for tests that need it. */
public final class FoundOneDnn {
  private FoundOneDnn() {}

  /** Returns it; skips the test where it is missing or of no use. */
  public static OneDnn require() {
    OneDnn.Search found = OneDnn.search();
    assumeThat(found.library()).as("no products in bfloat16: " + found.problem()).isNotNull();
    return found.library();
  }
}
