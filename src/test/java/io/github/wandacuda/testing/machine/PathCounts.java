package io.github.wandacuda.testing.machine;

import java.util.Map;

/**
 * The instructions of a path.
 *
 * @param instructions how many run on each pipe
 * @param barriers how many of them are barriers of the block
 */
record PathCounts(Map<Pipe, Integer> instructions, int barriers) {
  int of(Pipe pipe) {
    return instructions.getOrDefault(pipe, 0);
  }

  int all() {
    return instructions.values().stream().mapToInt(Integer::intValue).sum();
  }
}
