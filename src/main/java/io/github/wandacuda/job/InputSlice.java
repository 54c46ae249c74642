package io.github.wandacuda.job;

import java.io.Serializable;
import java.util.List;

/**
 * Where a {@link BatchInputs} file has one input.
 *
 * @param modules the linear modules that read it
 * @param batch whose
 * @param at its first byte
 * @param rows its tokens
 * @param columns its features
 */
record InputSlice(List<String> modules, int batch, long at, int rows, int columns)
    implements Serializable {
  /** Takes a list that travels. */
  InputSlice {
    modules = List.copyOf(modules);
  }
}
