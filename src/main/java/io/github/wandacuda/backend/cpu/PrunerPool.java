package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.SelectionArguments;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Pruners at rest. A matrix is selected in tiles of a few rows, and making a pruner takes about as
 * long as pruning a tile; besides, one that comes back knows where the last rows' limits were.
 * Holds those used last, some for each module of a decoder block.
 */
final class PrunerPool {
  private static final int MOST = 16;

  private final SelectKernels kernels;
  private final List<Entry> idle = new ArrayList<>();

  PrunerPool(SelectKernels kernels) {
    this.kernels = kernels;
  }

  /** A pruner and what it was made for. */
  static final class Entry {
    private final RowPruner pruner;
    private final DType dtype;
    private final int columns;
    private final float[] norms;
    private final SelectionRule rule;

    private Entry(RowPruner pruner, DType dtype, int columns, float[] norms, SelectionRule rule) {
      this.pruner = pruner;
      this.dtype = dtype;
      this.columns = columns;
      this.norms = norms;
      this.rule = rule;
    }

    RowPruner pruner() {
      return pruner;
    }

    private boolean serves(DType wanted, int wide, float[] given, SelectionRule asked) {
      return dtype == wanted
          && columns == wide
          && rule.equals(asked)
          && Arrays.equals(norms, given);
    }
  }

  /**
   * Takes out a pruner, or makes one; it serves the caller alone until it is given back.
   *
   * @throws IllegalArgumentException if the norms are none; see {@link SelectionArguments#norms}
   */
  Entry take(DType dtype, int columns, float[] norms, SelectionRule rule) {
    synchronized (idle) {
      for (int i = idle.size() - 1; i >= 0; i--) {
        if (idle.get(i).serves(dtype, columns, norms, rule)) {
          return idle.remove(i);
        }
      }
    }
    float[] checked = SelectionArguments.norms(norms, columns);
    RowPruner pruner = kernels.pruner(dtype, columns, checked, rule);
    return new Entry(pruner, dtype, columns, norms == null ? null : norms.clone(), rule);
  }

  /** Gives a pruner back. */
  void give(Entry entry) {
    synchronized (idle) {
      if (idle.size() == MOST) {
        idle.remove(0);
      }
      idle.add(entry);
    }
  }
}
