package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModule;
import java.util.List;

/** Modules by their shapes, of no file. */
public final class SmallModules {
  private SmallModules() {}

  /** Returns a module of so many output and input features. */
  public static LinearModule of(String name, long rows, long columns) {
    return module(name, rows, columns, false);
  }

  /** Returns a module that is stored as [input features, output features]. */
  public static LinearModule transposed(String name, long rows, long columns) {
    return module(name, columns, rows, true);
  }

  private static LinearModule module(String name, long outer, long inner, boolean transposed) {
    TensorInfo info =
        new TensorInfo(name + ".weight", "F16", List.of(outer, inner), 0, 2 * outer * inner);
    return new LinearModule(name, null, info, transposed, false, false, null);
  }
}
